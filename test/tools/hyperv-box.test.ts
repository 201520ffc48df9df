/** A Hyper-V box's machine, read as Vagrant's PowerShell reads it: what it would not find is not there. */
import t from 'tap'
import { parseHypervBox } from '../../pipeline/tools/hyperv-box.js'
import { realDeps } from '../fixtures/target-contract.js'

const data = { fullName: 'ciab-1', hardware: { cpus: 2 }, memoryMib: 4096, disk: 'box.vhdx', channel: '{1-2}' }
const right = await realDeps.render('vagrant/hyperv.xml.hbs', data)
const read = (from = '', to = '') => {
  t.ok(right.includes(from), from)
  return Object.fromEntries(parseHypervBox(right.replaceAll(from, to), 'box.xml'))
}

t.test('the template makes a machine of generation 2 with its disk on SCSI', async t => {
  t.same(read(), {
    'name': 'ciab-1', 'generation': 2, 'first boot device': 'HardDrive', 'secure boot': false, 'drives': ['SCSI 0: box.vhdx'],
    'processors': 2, 'memory MiB': 4096, 'dynamic memory': false,
  })
})

t.test('the id of the channel counts beside the controller, and not in it', async t => {
  const [channel = ''] = /<ChannelInstanceGuid.*<\/ChannelInstanceGuid>/.exec(right) ?? []
  t.same(read(channel).drives, ['IDE 0: box.vhdx'])
  const inside = right.replace(channel, '').replace('<controller0>', `<controller0>${channel}`)
  t.same(parseHypervBox(inside, 'box.xml').get('drives'), ['IDE 0: box.vhdx'])
})

t.test('a value without its type is a string to PowerShell, and has no text', async t => {
  t.same(read('<size type="integer">', '<size>')['memory MiB'], undefined)
  t.same(read('<name type="string">', '<name>')['name'], undefined)
  t.same(read('<subtype type="integer">', '<subtype>')['generation'], 1)
  t.same(read('<pathname type="string">', '<pathname>')['drives'], [])
  t.same(read('<type type="string">', '<type>')['drives'], [])
  t.same(read('<secure_boot_enabled type="bool">False', '<secure_boot_enabled>True')['secure boot'], true, 'but for what an XPath finds')
})

t.test('drives are those of a disk, on every controller', async t => {
  t.same(read('>VHD<', '>ISO<').drives, [])
  const drive = '<drive1><pathname type="string">b.vhdx</pathname><type type="string">VHD</type></drive1>'
  t.same(read('</controller0>', `${drive}</controller0><controller1>${drive}</controller1>`).drives, ['SCSI 0: box.vhdx', 'SCSI 0: b.vhdx', 'SCSI 1: b.vhdx'])
  t.same(read('</scsi>', `</scsi><controller1>${drive}</controller1>`).drives, ['SCSI 0: box.vhdx', 'IDE 1: b.vhdx'])
})

t.test('two of a kind are a list, which has no text', async t => {
  t.same(read('<processors>', '<processors><count type="integer">1</count>').processors, undefined)
  t.same(read('<boot>', '<boot><device0 type="string">Floppy</device0>')['first boot device'], undefined)
})
