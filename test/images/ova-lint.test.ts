/** The linter of OVAs finds what it says it finds: each fault is made in a sound archive. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSink } from '../../pipeline/images/byte-sink.js'
import { lintOva } from '../../pipeline/images/ova-lint.js'
import { streamVmdk } from '../../pipeline/images/stream-vmdk.js'
import { tarHeader, tarPadding, tarTrailer } from '../../pipeline/images/ustar.js'
import { names } from '../fixtures/images.js'
import { mib, passOver, writePhonyDisk } from '../fixtures/phony-disk.js'

const directory = t.testdir({})
const capacityBytes = 4 * mib
await passOver(writePhonyDisk(directory, { sizeBytes: capacityBytes, noise: { 0: 512, [2 * mib]: 512 } }), streamVmdk({ sink: fileSink(join(directory, 'vmdk')), ...names }))
const vmdk = readFileSync(join(directory, 'vmdk'))

const setting = 'http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData'
const ovf = `<Envelope xmlns="http://schemas.dmtf.org/ovf/envelope/1" xmlns:ovf="http://schemas.dmtf.org/ovf/envelope/1" xmlns:rasd="${setting}">
<References><File ovf:id="file1" ovf:href="disk.vmdk" ovf:size="${vmdk.length}"/></References>
<DiskSection><Disk ovf:diskId="disk1" ovf:fileRef="file1" ovf:capacity="${capacityBytes}" ovf:format="http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized"/></DiskSection>
<NetworkSection><Network ovf:name="NAT"/></NetworkSection>
<System><InstanceID>0</InstanceID></System>
<Item><rasd:ElementName>controller</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID><rasd:ResourceType>6</rasd:ResourceType></Item>
<Item><rasd:HostResource>ovf:/disk/disk1</rasd:HostResource><rasd:InstanceID>4</rasd:InstanceID><rasd:Parent>3</rasd:Parent><rasd:ResourceType>17</rasd:ResourceType></Item>
<Item ovf:required="false"><rasd:InstanceID>5</rasd:InstanceID><rasd:ResourceType>24</rasd:ResourceType></Item>
<Item><rasd:Connection>NAT</rasd:Connection><rasd:InstanceID>6</rasd:InstanceID><rasd:ResourceType>10</rasd:ResourceType></Item>
</Envelope>
`

interface Member {
  readonly name: string
  readonly content: Buffer
  readonly header?: (header: Buffer) => Buffer
}

const digest = (content: Buffer, algorithm = 'sha256') => createHash(algorithm).update(content).digest('hex')
const line = ({ name, content }: Member, algorithm = 'sha256') => `${algorithm.toUpperCase()}(${name})= ${digest(content, algorithm)}\n`
const descriptor = (text = ovf): Member => ({ name: 'box.ovf', content: Buffer.from(text) })
const disk: Member = { name: 'disk.vmdk', content: vmdk }
const manifest = (...lines: readonly string[]): Member => ({ name: 'box.mf', content: Buffer.from(lines.join('')) })

async function lint(...members: readonly Member[]) {
  const parts = members.flatMap(({ name, content, header = same => same }) => [header(tarHeader(name, content.length)), content, tarPadding(content.length)])
  const path = join(directory, 'box.ova')
  writeFileSync(path, Buffer.concat([...parts, tarTrailer]))
  return await lintOva(path)
}

/** A header with another byte, and the sum that fits it. */
const retyped = (at: number, text: string) => (header: Buffer) => {
  header.write(text, at, 'latin1')
  header.fill(' ', 148, 156)
  header.write(`${header.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

t.test('a sound one has no fault, with either manifest and without', async t => {
  for (const algorithm of ['sha256', 'sha1']) {
    const { problems, manifest: kind, members, grains } = await lint(descriptor(), disk, manifest(line(descriptor(), algorithm), line(disk, algorithm)))
    t.strictSame([problems, kind, grains], [[], algorithm.toUpperCase(), 2])
    t.strictSame(members.map(({ name }) => name), ['box.ovf', 'disk.vmdk', 'box.mf'])
  }
  const { problems, manifest: none } = await lint(descriptor(), disk)
  t.strictSame([problems, none], [[], undefined])
})

const inText: Readonly<Record<string, readonly [from: string, to: string]>> = {
  'gives disk.vmdk a size of 7 bytes, and it has SIZE': [`ovf:size="${vmdk.length}"`, 'ovf:size="7"'],
  'gives disk.vmdk a capacity of 7, and it has 4194304 bytes': [`ovf:capacity="${capacityBytes}"`, 'ovf:capacity="7"'],
  'gives disk.vmdk a capacity of 4194304 byte * 2^0, and it has 4194304 bytes': ['ovf:capacity=', 'ovf:capacityAllocationUnits="byte * 2^0" ovf:capacity='],
  'gives disk.vmdk the format http://www.vmware.com/interfaces/specifications/vmdk.html#sparse': ['#streamOptimized', '#sparse'],
  'gives the InstanceID 3 twice': ['<rasd:InstanceID>6<', '<rasd:InstanceID>3<'],
  'has item 4 on 9, which does not exist': ['<rasd:Parent>3<', '<rasd:Parent>9<'],
  'has item 4 for disk disk2, which does not exist': ['/disk/disk1', '/disk/disk2'],
  'has item 6 on network LAN, which does not exist': ['<rasd:Connection>NAT<', '<rasd:Connection>LAN<'],
  'has the elements of item 3 out of alphabetical order': ['<rasd:ElementName>controller</rasd:ElementName><rasd:InstanceID>3</rasd:InstanceID>', '<rasd:InstanceID>3</rasd:InstanceID><rasd:ElementName>controller</rasd:ElementName>'],
  'requires item 5 of type 24, which not every reader has': [' ovf:required="false"', ''],
  'has a Disk disk1 without a File': ['ovf:fileRef="file1"', 'ovf:fileRef="file2"'],
  'holds a descriptor that cannot be read: box.ovf is no well-formed XML: 11:0: unclosed tag: Envelope': ['</Envelope>', ''],
}

for (const [problem, [from, to]] of Object.entries(inText)) {
  t.test(`finds that it ${problem}`, async t => {
    t.ok(ovf.includes(from))
    t.strictSame((await lint(descriptor(ovf.replace(from, to)), disk)).problems, [problem.replace('SIZE', String(vmdk.length))])
  })
}

const good = [line(descriptor()), line(disk)] as const
const inTar: Readonly<Record<string, readonly Member[]>> = {
  'does not begin with an .ovf, but with disk.vmdk': [disk, descriptor()],
  'does not begin with an .ovf, but with nothing': [],
  'holds no file where its descriptor names disk.vmdk': [descriptor()],
  'holds disk.vmdk, more.txt where its descriptor names disk.vmdk': [descriptor(), disk, { name: 'more.txt', content: Buffer.from('x') }],
  'holds box.mf, disk.vmdk where its descriptor names disk.vmdk': [descriptor(), manifest(...good), disk],
  'holds disk.vmdk in another form than ustar': [descriptor(), { ...disk, header: retyped(257, 'ustar  \0') }],
  'holds disk.vmdk, which is no plain file': [descriptor(), { ...disk, header: retyped(156, '5') }],
  'has a manifest that does not fit disk.vmdk': [descriptor(), disk, manifest(good[0], good[1].replace(/= ./, found => `= ${found.endsWith('0') ? '1' : '0'}`))],
  'has a manifest whose last line does not end': [descriptor(), disk, manifest(...good, 'SHA256(')],
  'has a manifest that names more.txt, which is not there': [descriptor(), disk, manifest(...good, line({ name: 'more.txt', content: vmdk }))],
}

for (const [problem, members] of Object.entries(inTar)) {
  t.test(`finds that it ${problem}`, async t => t.strictSame((await lint(...members)).problems, [problem]))
}

t.test('finds a manifest line that readers refuse, and that its file has no digest then', async t => {
  for (const bad of [good[1].replace('(', ' ('), line(disk, 'sha1'), good[1].replace('SHA256', 'MD5')]) {
    t.strictSame((await lint(descriptor(), disk, manifest(good[0], bad))).problems, [
      `has a manifest line that readers refuse: ${bad.trimEnd()}`, 'has a manifest that does not fit disk.vmdk',
    ])
  }
})

t.test('looks into the disk itself', async t => {
  const cut = { ...disk, content: vmdk.subarray(0, vmdk.length - 512) }
  const text = ovf.replace(`ovf:size="${vmdk.length}"`, `ovf:size="${cut.content.length}"`)
  const { problems } = await lint(descriptor(text), cut)
  t.ok(problems.length > 0 && problems.every(problem => problem.startsWith('holds disk.vmdk, which ')), problems.join('; '))
})

t.test('an archive that is cut off is looked at no further', async t => {
  const path = join(directory, 'cut.ova')
  writeFileSync(path, tarHeader('box.ovf', 5000))
  t.strictSame(await lintOva(path), { members: [{ name: 'box.ovf', bytes: 5000, startBytes: 512, type: '0', isUstar: true }], manifest: undefined, grains: 0, problems: ['is cut off in box.ovf'] })
})
