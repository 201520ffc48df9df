/** Vagrantfiles of boxes: what is set and called, blocks that end, and no Ruby but that. */
import t from 'tap'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseVagrantfile } from '../../pipeline/tools/vagrantfile.js'

const golden = fileURLToPath(new URL('../golden/vagrant/', import.meta.url))
const inBlock = (...lines: readonly string[]) => ['Vagrant.configure("2") do |config|', ...lines, 'end', ''].join('\n')

t.test('reads settings and calls by their names', async t => {
  const text = inBlock(
    '  # a comment with "one quote', '', '  config.vm.guest = :debian # and "one" behind', String.raw`  config.vm.box = "a # \"b\""`,
    '  config.vm.provider :libvirt do |machine|', '    machine.memory = 4096', '    machine.nested = true', '    machine.vmx["mem.size"] = "4"',
    '    machine.customize ["modifyvm", :id, "on"]', '    machine.customize ["other", 1]', '  end', '  config.vm.synced_folder ".", "/vagrant", disabled: true'
  )
  t.same(Object.fromEntries(parseVagrantfile(text, 'Vagrantfile')), {
    'config.vm.guest': ':debian', 'config.vm.box': 'a # "b"', 'machine.memory': 4096, 'machine.nested': true, 'machine.vmx["mem.size"]': '4',
    'machine.customize': '["modifyvm", :id, "on"]\n["other", 1]', 'config.vm.synced_folder': '".", "/vagrant", disabled: true',
  })
})

t.test('reads that of every box', async t => {
  const files = readdirSync(golden).filter(name => name.endsWith('.Vagrantfile'))
  t.equal(files.length, 4)
  for (const file of files) t.ok(parseVagrantfile(readFileSync(`${golden}/${file}`, 'utf8'), file).size > 3, file)
})

t.test('tells each line that is something else', async t => {
  const cases: Readonly<Record<string, string>> = {
    'config.vm.box = "a': 'has a text that does not end, or that Ruby would change',
    'config.vm.box = "a"b"': 'has a text that does not end, or that Ruby would change',
    'config.vm.box = "#{name}"': 'has a text that does not end, or that Ruby would change',
    'config.vm.box = "a" "b"': 'is no block, setting or call',
    'config.vm.memory = 4 GiB': 'is no block, setting or call',
    'config.vm.memory =': 'is no block, setting or call',
    'config.vm.memory = -1': 'is no block, setting or call',
    'config.vm.box = name': 'is no block, setting or call',
    'system "true"': 'is no block, setting or call',
    'config.vm.customize ["a", :id': 'is no block, setting or call',
    'config.vm.provider :libvirt do machine': 'is no block, setting or call',
    'machine.memory = 1': 'names machine, which no block gives',
  }
  for (const [line, problem] of Object.entries(cases)) {
    t.throws(() => parseVagrantfile(inBlock(`  ${line}`), 'x'), { message: `x is no Vagrantfile of a box: line 2 ${problem}: ${line}.`, exitCode: 5 }, line)
  }
  t.throws(() => parseVagrantfile(inBlock('config.a = 1', 'config.a = 2'), 'x'), { message: 'x is no Vagrantfile of a box: line 3 sets config.a a second time: config.a = 2.' })
})

t.test('tells a block without an end, and an end without a block', async t => {
  t.throws(() => parseVagrantfile(inBlock('config.vm.provider :a do |machine|'), 'x'), { message: 'x is no Vagrantfile of a box: the block that line 1 begins has no end.' })
  t.throws(() => parseVagrantfile(`${inBlock()}end\n`, 'x'), { message: 'x is no Vagrantfile of a box: line 3 ends a block that none began: end.' })
})
