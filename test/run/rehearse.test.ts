/** rehearse: templates of targets are rendered for a disk of holes, before any build. */
import t from 'tap'
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rehearseExports } from '../../pipeline/run/rehearse.js'
import { defaultExportOptions, loadTargets } from '../../pipeline/targets/index.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { repository } from '../fixtures/cli-run.js'

const targets = await loadTargets()
const knownTargets = targets.map(({ name }) => name)
const spec = applyDefaults({ title: 'Test', version: '0.1.0', family: 'debian', release: 'trixie' }, { name: 'test', knownTargets })
const { signal } = new AbortController()
const ours = join(repository, 'templates')

const rehearse = (templates: string, chosen = targets) => rehearseExports({ spec, targets: chosen, options: defaultExportOptions, templates, signal })

t.test('templates as they are have no fault, and nothing stays of the rehearsal', async t => {
  const left = () => readdirSync(tmpdir()).filter(name => name.startsWith('pipeline-'))
  const before = left()
  t.same(await rehearse(ours), [])
  t.same(left().filter(name => !before.includes(name)), [])
})

/** What is rendered when the disk has been written is found, too; a box of Vagrant's needs the disk for that. */
const files = [
  'kvm/domain.xml.hbs', 'vmware/machine.vmx.hbs', 'ova/machine.ovf.hbs', 'virtualbox/machine.ovf.hbs', 'virtualbox/import.ps1.hbs',
  'xen/pv.cfg.hbs', 'xva/ova.xml.hbs', 'hyperv/import.ps1.hbs', 'parallels/config.pvs.hbs', 'raw/README.txt.hbs', 'vagrant/Vagrantfile.hbs',
]

for (const file of files) {
  t.test(`an unknown value in ${file} is told with file and line`, async t => {
    const templates = join(t.testdir({}), 'templates')
    cpSync(ours, templates, { recursive: true })
    const text = readFileSync(join(ours, file), 'utf8')
    writeFileSync(join(templates, file), `${text}{{hardware.cpuz}}\n`)
    const line = text.split('\n').length
    const problems = await rehearse(templates, targets.filter(({ name }) => file.startsWith(`${name}/`)))
    t.match(problems, [{ exitCode: 2, message: `${file}:${line}: unknown value "hardware.cpuz"` }])
    t.equal(problems.length, 1)
  })
}

/** A change of a template, and what is told of it. */
const breaks: readonly (readonly [file: string, from: string, to: string, code: string, message: string])[] = [
  ['kvm/domain.xml.hbs', '<acpi/>', '<acpi>', 'xml-wrong', 'domain.xml is no well-formed XML: '],
  ['kvm/domain.xml.hbs', '{{xml hardware.cpus}}', '1', 'descriptor-wrong', 'domain.xml has vcpu = "1", wanted "2".'],
  ['xen/hvm.cfg.hbs', 'type = "hvm"', 'type = "hvm', 'xl-config-wrong', 'hvm.cfg is no configuration of xl: line 3 is no name = value: type = "hvm.'],
  ['xen/hvm.cfg.hbs', 'nestedhvm = 1', '', 'descriptor-wrong', 'hvm.cfg has nestedhvm = nothing, wanted 1.'],
  ['xen/pv.cfg.hbs', '{{json pvName}}', '"other"', 'descriptor-wrong', 'pv.cfg has name = "other", wanted "test-0.0.0-pv".'],
  ['vagrant/Vagrantfile.hbs', '"/vagrant", d', '"/vagrant, d', 'vagrantfile-wrong', 'Vagrantfile (virtualbox) is no Vagrantfile of a box: line 6 '],
  ['vagrant/Vagrantfile.hbs', '{{json macAddress}}', '"080027000000"', 'descriptor-wrong', 'Vagrantfile (virtualbox) has config.vm.base_mac = "080027000000", wanted "080027'],
  ['vagrant/metadata.json.hbs', '"amd64"', 'amd64', 'json-wrong', 'metadata.json ('],
  ['vagrant/metadata.json.hbs', '"amd64"', '"arm64"', 'descriptor-wrong', 'metadata.json (virtualbox) has architecture = "arm64", wanted "amd64".'],
  ['vagrant/hyperv.xml.hbs', '</ChannelInstanceGuid>', '', 'xml-wrong', 'box.xml (hyperv) is no well-formed XML: '],
  ['vagrant/hyperv.xml.hbs', '<ChannelInstanceGuid type="string">{{xml channel}}</ChannelInstanceGuid>', '', 'descriptor-wrong', 'box.xml (hyperv) has drives = ["IDE 0: box.vhdx"], wanted ["SCSI 0: box.vhdx"].'],
  ['vagrant/hyperv.xml.hbs', '<size type="integer">', '<size>', 'descriptor-wrong', 'box.xml (hyperv) has memory MiB = nothing, wanted 4096.'],
  ['ova/machine.ovf.hbs', 'vmw:key="nestedHVEnabled"', 'vmw:key="nestedHV"', 'descriptor-wrong', 'test-0.0.0.ovf has Config nestedHVEnabled = nothing, wanted "true".'],
  ['ova/machine.ovf.hbs', 'vmw:value="efi"', 'vmw:value="bios"', 'descriptor-wrong', 'test-0.0.0.ovf has Config firmware = "bios", wanted "efi".'],
  ['virtualbox/machine.ovf.hbs', '<NestedHWVirt enabled="true"/>', '', 'descriptor-wrong', 'test-0.0.0.ovf has Machine nesting = nothing, wanted "true".'],
  ['vmware/machine.vmx.hbs', '{{vmx hardware.cpus}}', '1', 'descriptor-wrong', 'test-0.0.0/test-0.0.0.vmx has numvcpus = "1", wanted "2".'],
  ['parallels/config.pvs.hbs', '{{#if nested}}1{{else}}0{{/if}}', '0', 'descriptor-wrong', 'config.pvs has Hardware Cpu VirtualizedHV = "0", wanted "1".'],
  ['xva/ova.xml.hbs', '<name>exp-nested-hvm<', '<name>exp-nested<', 'descriptor-wrong', 'ova.xml has VM platform exp-nested-hvm = nothing, wanted "true".'],
  ['xva/ova.xml.hbs', '<name>VCPUs_params<', '<name>VCPU_params<', 'descriptor-wrong', 'ova.xml lacks VM VCPUs_params.'],
]

for (const [file, from, to, code, message] of breaks) {
  t.test(`${to || 'nothing'} in place of ${from} is told before ${file} gets into an artifact`, async t => {
    const templates = join(t.testdir({}), 'templates')
    cpSync(ours, templates, { recursive: true })
    const text = readFileSync(join(ours, file), 'utf8')
    t.ok(text.includes(from))
    writeFileSync(join(templates, file), text.replace(from, to))
    const [problem, ...more] = await rehearse(templates, targets.filter(({ name }) => file.startsWith(`${name}/`)))
    t.match({ code: problem?.code, start: problem?.message.slice(0, message.length), exitCode: problem?.exitCode }, { code, start: message, exitCode: 5 })
    t.same(more, [])
  })
}
