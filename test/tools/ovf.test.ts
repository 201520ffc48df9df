/** OVF: what its readers would take for the machine, by references and namespaces, not by where a word stands. */
import t from 'tap'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { parseOvf } from '../../pipeline/tools/ovf.js'
import { failureOf } from '../fixtures/failure.js'

const spaces = 'xmlns="urn:o" xmlns:ovf="urn:o" xmlns:vmw="http://www.vmware.com/schema/ovf" xmlns:vbox="http://www.virtualbox.org/ovf/machine" xmlns:x="urn:x"'
const item = (values: Readonly<Record<string, string>>) => `<Item>${Object.entries(values).map(([name, text]) => `<${name}>${text}</${name}>`).join('')}</Item>`
const read = (hardware: string, more = '') => parseOvf(
  `<Envelope ${spaces}><References><File ovf:id="f1" ovf:href="a.vmdk"/><File ovf:id="f2" ovf:href="b.vmdk"/></References>` +
  `<DiskSection><Disk ovf:diskId="d1" ovf:fileRef="f2" vbox:uuid="1-2"/></DiskSection>` +
  `<VirtualSystem><VirtualHardwareSection>${hardware}</VirtualHardwareSection>${more}</VirtualSystem></Envelope>`, 'x.ovf')

t.test('a disk leads to its controller and its file by their ids', async t => {
  const controllers = [item({ InstanceID: '3', ResourceSubType: 'AHCI', ResourceType: '20' }), item({ InstanceID: '4', ResourceSubType: 'VirtualSCSI', ResourceType: '6' })].join('')
  const disk = (parent: string, id: string) => item({ HostResource: `ovf:/disk/${id}`, InstanceID: '5', Parent: parent, ResourceType: '17' })
  const found = read(controllers + disk('4', 'd1'))
  t.same([found.get('disk controller'), found.get('disk file'), found.get('disk id')], ['VirtualSCSI', 'b.vmdk', '1-2'])
  t.same(read(controllers + disk('3', 'd1')).get('disk controller'), 'AHCI')
  const lost = read(controllers + disk('9', 'd9'))
  t.notOk(lost.has('disk controller') || lost.has('disk file'))
})

t.test('sizes come with their unit, and what is there twice as both', async t => {
  const found = read(
    '<System><VirtualSystemType>vmx-13</VirtualSystemType></System>' + item({ ResourceType: '3', VirtualQuantity: '2' }) +
    item({ AllocationUnits: 'byte * 2^30', ResourceType: '4', VirtualQuantity: '4' }) + item({ ResourceSubType: 'E1000', ResourceType: '10' }) + item({ ResourceSubType: 'VmxNet3', ResourceType: '10' }))
  t.same([...found], [['system type', 'vmx-13'], ['processors', 2], ['memory', '4 byte * 2^30'], ['network card', ['E1000', 'VmxNet3']], ['disk id', '1-2']])
})

t.test("a setting is VMware's where VMware reads it, and only there", async t => {
  const config = '<vmw:Config vmw:key="firmware" vmw:value="efi"/>'
  t.equal(read(config).get('Config firmware'), 'efi')
  t.same(read(config + config.replace('efi', 'bios')).get('Config firmware'), ['efi', 'bios'])
  t.notOk(read(config.replace('vmw:Config', 'x:Config')).has('Config firmware'), 'of another namespace')
  t.notOk(read('', config).has('Config firmware'), 'outside of the hardware')
  t.notOk(read(item({}).replace('><', `>${config}<`)).has('Config firmware'), 'in an item')
})

t.test("VirtualBox's own machine is read by its place, too", async t => {
  const machine = '<vbox:Machine><Hardware><CPU count="2"><NestedHWVirt enabled="true"/></CPU><Memory RAMSize="4096"/></Hardware></vbox:Machine>'
  const found = read('', machine)
  t.same([found.get('Machine processors'), found.get('Machine nesting'), found.get('Machine memory')], ['2', 'true', '4096'])
  t.notOk(read('', machine.replace('<NestedHWVirt enabled="true"/></CPU>', '</CPU><NestedHWVirt enabled="true"/>')).has('Machine nesting'))
  t.notOk(read('', machine.replaceAll('vbox:', 'x:')).has('Machine nesting'))
})

t.test('what is no XML is told', async t => {
  t.match(formatError(await failureOf((async () => parseOvf('<Envelope>', 'x.ovf'))())), /^error: x\.ovf is no well-formed XML: /)
})
