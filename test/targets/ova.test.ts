/** Target ova: the common contract, its descriptor word for word and by the schema, manifests of each kind, faults that verification names. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import type { Spec } from '../../pipeline/spec/types.js'
import ova from '../../pipeline/targets/ova.js'
import { listTar } from '../../pipeline/tools/tar-members.js'
import { parseXml, findAll } from '../../pipeline/tools/xml.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { exportTarget, foundBy, options, realDeps, signal, sourceDateEpoch, spec, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

const name = `ciab-${version}`
const file = `${name}.ova`
const again = '(Export it again: pipeline build --target ova)'
const hostile = 'A "box", <it\'s> -- $(date) & more, größer'

await testTarget(ova)
await testSpoiledFiles(ova)

async function exported(directory: string, ovaManifest: typeof options.ovaManifest = 'sha256', of: Spec = spec): Promise<string> {
  const goldenDisk = writeGoldenDisk(t.testdir({}))
  await exportTarget(ova, { goldenDisk, directory, spec: of, options: { ...options, ovaManifest } })
  return join(directory, file)
}

async function memberText(path: string, member: string): Promise<string> {
  const found = (await listTar(path)).members.find(each => each.name === member)
  return found ? readFileSync(path).toString('utf8', found.startBytes, found.startBytes + found.bytes) : ''
}

t.test('writes its texts word for word', async t => {
  const directory = t.testdir({})
  const path = await exported(directory)
  matchGolden(t, 'ova/machine.ovf', (await memberText(path, `${name}.ovf`)).replace(/\s+$/, '\n'))
  for (const name of ['import.sh', 'README.txt']) matchGolden(t, `ova/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('a title with special letters and no nesting stay valid and whole', async t => {
  const directory = t.testdir({})
  const of = { ...spec, title: hostile, nestedVirt: 'off' } as const
  const path = await exported(directory, 'sha256', of)
  const text = await memberText(path, `${name}.ovf`)
  t.equal(findAll(parseXml(text, 'ovf'), 'Product')[0]?.text, hostile)
  t.notMatch(text, 'nestedHVEnabled')
  await ova.verify({ spec: of, version, sourceDateEpoch, options, directory, signal }, realDeps)
  const asking = { ...of, nestedVirt: 'required' } as const
  const error = await failureOf(ova.verify({ spec: asking, version, sourceDateEpoch, options, directory, signal }, realDeps))
  t.equal(formatError(error), `error: ova/${file} holds ${name}.ovf, which has Config nestedHVEnabled = nothing, wanted "true". ${again}`)
})

t.test('a descriptor that does not ask for the machine of the spec is told, though its readers take it', async t => {
  const directory = t.testdir({})
  const path = await exported(directory)
  const off = await failureOf(ova.verify({ spec: { ...spec, nestedVirt: 'off' }, version, sourceDateEpoch, options, directory, signal }, realDeps))
  t.equal(formatError(off), `error: ova/${file} holds ${name}.ovf, which must not set Config nestedHVEnabled. ${again}`)
  const passed = await ova.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps)
  t.match(foundBy(passed, 'machine that it asks for'), 'Config nestedHVEnabled')
  const whole = readFileSync(path)
  const cases: readonly (readonly [from: string, to: string, told: string])[] = [
    ['vmw:key="nestedHVEnabled"', 'vmw:key="nestedHVenabled"', 'has Config nestedHVEnabled = nothing, wanted "true"'],
    ['vmw:key="firmware" vmw:value="efi"', 'vmw:key="firmware" vmw:value="bio"', 'has Config firmware = "bio", wanted "efi"'],
    ['>VmxNet3<', '>E1000eX<', 'has network card = "E1000eX", wanted "VmxNet3"'],
    ['>VirtualSCSI<', '>lsilogicsas<', 'has disk controller = "lsilogicsas", wanted "VirtualSCSI"'],
    ['>4096</rasd:VirtualQuantity>', '>1024</rasd:VirtualQuantity>', 'has memory = "1024 byte * 2^20", wanted "4096 byte * 2^20"'],
    ['>vmx-13<', '>vmx-10<', 'has system type = "vmx-10", wanted "vmx-13"'],
  ]
  for (const [from, to, told] of cases) {
    const bytes = Buffer.from(whole)
    t.ok(bytes.includes(from) && from.length === to.length, from)
    bytes.write(to, bytes.indexOf(from), 'latin1')
    writeFileSync(path, bytes)
    const error = await failureOf(ova.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
    t.ok(formatError(error).includes(`ova/${file} holds ${name}.ovf, which ${told}. ${again}`), formatError(error))
  }
})

t.test('the memory is a multiple of 4 MiB, as ESXi wants it', async t => {
  const path = await exported(t.testdir({}), 'sha256', { ...spec, hardware: { ...spec.hardware, memoryMib: 4097 } })
  const items = findAll(parseXml(await memberText(path, `${name}.ovf`), 'ovf'), 'Item')
  const memory = items.find(item => findAll(item, 'ResourceType')[0]?.text === '4')
  t.equal(memory && findAll(memory, 'VirtualQuantity')[0]?.text, '4100')
})

t.test('manifests of each kind', async t => {
  for (const ovaManifest of ['sha256', 'sha1', 'none'] as const) {
    const directory = t.testdir({})
    const path = await exported(directory, ovaManifest)
    const names = (await listTar(path)).members.map(member => member.name)
    t.same(names, [`${name}.ovf`, `${name}-disk1.vmdk`, ...(ovaManifest === 'none' ? [] : [`${name}.mf`])])
    const kind = ovaManifest.toUpperCase()
    const lines = (await memberText(path, `${name}.mf`)).split('\n').map(line => line.replace(/= [0-9a-f]+$/, '= x'))
    t.same(lines, ovaManifest === 'none' ? [''] : [`${kind}(${name}.ovf)= x`, `${kind}(${name}-disk1.vmdk)= x`, ''])
    const passed = await ova.verify({ spec, version, sourceDateEpoch, options: { ovaManifest, hypervVhd: false }, directory, signal }, realDeps)
    t.match(foundBy(passed, 'OVA by the rules of its readers'), new RegExp(`one end of stream; manifest by ${ovaManifest}$`))
    const other = ovaManifest === 'sha1' ? 'sha256' : 'sha1'
    const error = await failureOf(ova.verify({ spec, version, sourceDateEpoch, options: { ovaManifest: other, hypervVhd: false }, directory, signal }, realDeps))
    t.equal(formatError(error), `error: ova/${file} has a manifest by ${ovaManifest}, wanted ${other}. ${again}`)
  }
})

t.test('verification names what a changed byte breaks', async t => {
  const directory = t.testdir({})
  const path = await exported(directory)
  const whole = readFileSync(path)
  const faults = async (change: (bytes: Buffer) => void) => {
    const bytes = Buffer.from(whole)
    change(bytes)
    writeFileSync(path, bytes)
    return formatError(await failureOf(ova.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps)))
  }
  const replace = (from: string, to: string) => (bytes: Buffer) => void bytes.write(to, bytes.indexOf(from), 'latin1')
  t.match(await faults(replace('<rasd:InstanceID>5<', '<rasd:InstanceID>4<')), `ova/${file} gives the InstanceID 4 twice. ${again}`)
  t.match(await faults(replace('ovf:capacity="1073741824"', 'ovf:capacity="1073741825"')), /gives ciab-\S+ a capacity of 1073741825, and it has 1073741824 bytes\./)
  t.match(await faults(replace('<rasd:Parent>3<', '<rasd:Parent>9<')), /has item 4 on 9, which does not exist\./)
  t.match(await faults(replace('SHA256(', 'SHA256 ')), /has a manifest line that readers refuse: SHA256 ciab/)
  t.match(await faults(replace('</Envelope>', '</Envelopf>')), /holds a descriptor that cannot be read: /)
  t.match(await faults(bytes => void bytes.writeUInt8(255, whole.indexOf('KDMV') + 65536 + 100)), /has a manifest that does not fit ciab-\S+-disk1\.vmdk\./)
})
