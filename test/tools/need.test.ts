/** Missing programs and files, all told at once. */
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { allNeeds, bootNeeds, buildNeeds, checkTools, findTool, needOf } from '../../pipeline/tools/need.js'
import { ovmf } from '../../pipeline/tools/qemu.js'

t.test('is silent when everything is there', async t => {
  const directory = t.testdir({ tool: '', 'firmware.fd': '' })
  chmodSync(join(directory, 'tool'), 0o755)
  const firmware = join(directory, 'firmware.fd')
  await checkTools([needOf('tool'), needOf(firmware)], `/nowhere:${directory}`)
  t.equal(await findTool('tool', `/nowhere:${directory}`), join(directory, 'tool'))
})

t.test('names one missing program in one line', async t => {
  await t.rejects(checkTools([{ file: 'qemu-img', reason: 'export kvm', hint: 'apt-get install qemu-utils' }], '/nowhere'), {
    code: 'tool-missing',
    message: 'Could not find "qemu-img", needed to export kvm.',
    hint: 'apt-get install qemu-utils',
    exitCode: 3,
  })
})

t.test('names all that is missing at once', async t => {
  const directory = t.testdir({ there: '' })
  chmodSync(join(directory, 'there'), 0o755)
  await t.rejects(checkTools(['packer', 'there', 'no-such', 'packer', '/nowhere/OVMF.fd'].map(file => needOf(file)), directory), {
    message: '3 problems:',
    exitCode: 3,
    details: [
      'Could not find "packer", needed to install and provision. (apt-get install packer)',
      'Could not find "no-such", needed to run this command. (install "no-such" and make sure that PATH names its folder)',
      'Could not find "/nowhere/OVMF.fd", needed to run this command. (install the package that brings this file)',
    ],
  })
})

t.test('a folder or a file without the right to run is no program', async t => {
  const directory = t.testdir({ folder: {}, text: '' })
  t.equal(await findTool('folder', directory), undefined)
  t.equal(await findTool('text', directory), undefined)
})

t.test('knows a package and a reason for every program of the list', async t => {
  for (const need of allNeeds()) {
    t.match(need.hint, /^apt-get install \S+$/, need.file)
    t.match(need.reason, /^[a-z]/, need.file)
  }
})

t.test('boots of a verification need a part of what a build needs: every file of the firmware is in it', async t => {
  const [boots, build] = [bootNeeds(), buildNeeds()].map(needs => needs.map(({ file }) => file)) as [string[], string[]]
  t.same(boots.filter(file => !build.includes(file)), [])
  for (const file of ['qemu-system-x86_64', 'qemu-img', 'ssh', 'ssh-keygen', 'openssl', 'setsid', ovmf.code, ovmf.variables]) t.ok(boots.includes(file), file)
})
