/** Target vagrant: the common contract on a disk with a file system, its texts word for word, and boxes that differ from it. */
import { closeSync, mkdirSync, openSync, readFileSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { boxName, boxVersion, providers } from '../../pipeline/targets/target-boxes.js'
import type { Provider } from '../../pipeline/targets/target-boxes.js'
import { libvirtDisk } from '../../pipeline/targets/target-vagrant.js'
import type { ExportInput } from '../../pipeline/targets/types.js'
import vagrant from '../../pipeline/targets/vagrant.js'
import { sha256File } from '../../pipeline/tools/checksum.js'
import type { Run } from '../../pipeline/tools/command.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { makeSealedGolden } from '../fixtures/sealed-golden.js'
import { exportTarget, foundBy, options, realDeps, signal, sourceDateEpoch, spec, testOddTitle, testTarget, version } from '../fixtures/target-contract.js'

await testTarget(vagrant, makeSealedGolden)
await testOddTitle(vagrant, makeSealedGolden)

const release = { spec, version }

t.test('writes descriptors and page word for word, and a catalog with the sums of the boxes', async t => {
  const directory = t.testdir({})
  await exportTarget(vagrant, { goldenDisk: await makeSealedGolden(t.testdir({})), directory })
  for (const provider of providers) {
    const box = join(directory, boxName(release, provider))
    const member = async (name: string) => (await realDeps.run(['bsdtar', '-xOf', box, name])).stdout
    matchGolden(t, `vagrant/${provider}.Vagrantfile`, await member('Vagrantfile'))
    matchGolden(t, `vagrant/${provider}.metadata.json`, await member('metadata.json'))
  }
  for (const name of ['start.sh', 'README.txt']) matchGolden(t, `vagrant/${name}`, readFileSync(join(directory, name), 'utf8'))
  const catalog = JSON.parse(readFileSync(join(directory, 'ciab.json'), 'utf8'))
  t.match(catalog, { name: 'evc/ciab', versions: [{ version: boxVersion({ version, sourceDateEpoch }), providers: [] }] })
  for (const { name, url, checksum } of catalog.versions[0].providers) {
    t.equal(url, boxName(release, name))
    t.equal(checksum, await sha256File(join(directory, url)))
  }
})

t.test('a catalog that Vagrant would follow elsewhere, or not at all, is told', async t => {
  const directory = t.testdir({})
  await exportTarget(vagrant, { goldenDisk: await makeSealedGolden(t.testdir({})), directory })
  const path = join(directory, 'ciab.json')
  const right = readFileSync(path, 'utf8')
  const libvirt = boxName(release, 'libvirt')
  const again = '(Export it again: pipeline build --target vagrant)'
  const cases: readonly (readonly [from: RegExp, to: string, told: string])[] = [
    [/"checksum": "[0-9a-f]{64}"/, `"checksum": "${'0'.repeat(64)}"`, `vagrant/${libvirt} is refused by vagrant, by way of ciab.json: The checksum of the downloaded box did not match the expected value. ${again}`],
    [/"name": "evc.ciab"/, '"name": "evc/other"', `vagrant/ciab.json has name = "evc/other", wanted "evc/ciab". ${again}`],
    [/"version": "0\.1\.0\.\d+/, '"version": "0.1.0', `vagrant/ciab.json has version = "0.1.0.`],
    [/"versions": \[/, '"versions": [}', `vagrant/ciab.json cannot be read: ciab.json is no JSON: `],
    [/^[^]*$/, 'null', `vagrant/ciab.json has name = nothing, wanted "evc/ciab". ${again}`],
    [/"hyperv"/, '"hyper_v"', `vagrant/ciab.json has boxes = [`],
  ]
  for (const [from, to, told] of cases) {
    t.match(right, from)
    writeFileSync(path, right.replace(from, to))
    const error = await failureOf(vagrant.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
    t.ok(formatError(error).includes(told), `${told}\n${formatError(error)}`)
  }
})

t.test('a disk that the libvirt box cannot hold is told while it is written, not when it is packed', async t => {
  const writer = await libvirtDisk({ directory: t.testdir({}) } as ExportInput)
  await writer.begin({ virtualBytes: 1024 ** 3, extents: [], makeBlock: () => undefined })
  // Looks as long as it says, and is none: what is written of it would be 8 GiB.
  const bytes = Object.defineProperty(new Uint8Array(1), 'length', { value: 8 ** 11 })
  bytes.subarray = () => bytes
  const grain = { index: 0, body: Buffer.alloc(65536), adler32: 0, crc32: 0 }
  const error = await failureOf(writer.take({ startBytes: 0, bytes, lengthBytes: 1024 ** 2, grains: [0], deflated: async () => [grain] }))
  t.equal(formatError(error), 'error: box.img cannot be written: a file in an OVA or tar holds at most 8 GiB. (make the disk smaller (--set hardware.diskGib=N), or leave out the target)')
  t.equal(error.exitCode, 4)
  await writer.abort()
})

t.test('a version is numbers that ascend with time for RubyGems, and no two builds have the same', async t => {
  const day = 86_400
  const of = (version: string, later = 0) => boxVersion({ version, sourceDateEpoch: sourceDateEpoch + later })
  t.match(of('0.1.0+20260101.0123abcd', 3661), /^0\.1\.0\.20260101010101\.\d+$/)
  const texts: Readonly<Record<string, string>> = { '1.2.3-rc1': '1.2.3', '1.2': '1.2.0', '7': '7.0.0', 'nightly-5': '0.0.0', '1.02.00.4': '1.2.0', '2026+1': '2026.0.0' }
  for (const [text, numbers] of Object.entries(texts)) t.ok(of(text).startsWith(`${numbers}.20260101000000.`), text)
  t.not(of('0.1.0+20260101.0123abcd'), of('0.1.0+20260101.0123abce'), 'two builds of one date')
  const ascending = [of('nightly-5'), '0.1.0', of('0.1.0+20260101.ffffffff'), of('0.1.0+20260101.00000000', 1), of('0.1.0+20260102.0', day), of('0.1.1-rc1'), of('0.2'), of('0.2.1')]
  const script = 'v = ARGV.map { |text| Gem::Version.new(text) }; puts v.each_cons(2).all? { |a, b| a < b } && v.none?(&:prerelease?)'
  t.equal((await realDeps.run(['ruby', '-e', script, ...ascending])).stdout, 'true\n', ascending.join(' '))
})

/** What `vagrant box add` leaves: the box in its folder of VAGRANT_HOME, here in one of the layouts that versions of Vagrant have. */
function playVagrant(layout: (provider: string) => string, edit: (folder: string, provider: string) => void = () => {}): typeof realDeps {
  const run: typeof realDeps.run = async (command, given) => {
    if (command[0] !== 'vagrant') return await realDeps.run(command, given)
    const [provider = '', catalog = ''] = command.slice(4)
    const { versions } = JSON.parse(readFileSync(fileURLToPath(catalog), 'utf8'))
    const { url } = versions[0].providers.find(({ name }: { name: string }) => name === provider)
    const folder = join(given?.env?.['VAGRANT_HOME'] ?? '', 'boxes/evc-VAGRANTSLASH-ciab', versions[0].version, layout(provider))
    mkdirSync(folder, { recursive: true })
    const answer = await realDeps.run(['bsdtar', '-xf', fileURLToPath(url), '-C', folder])
    edit(folder, provider)
    return answer
  }
  return { ...realDeps, run }
}

t.test('a box is found where Vagrant has put it: 2.4 and newer have a folder for the architecture (a stand-in for vagrant)', async t => {
  const directory = t.testdir({})
  await exportTarget(vagrant, { goldenDisk: await makeSealedGolden(t.testdir({})), directory })
  const input = { spec, version, sourceDateEpoch, options, directory, signal }
  for (const layout of [(provider: string) => provider, (provider: string) => `amd64/${provider}`]) {
    const passed = await vagrant.verify(input, playVagrant(layout))
    t.match(foundBy(passed, 'boxes added by vagrant from the catalog, each with that disk'), `${providers.join(', ')}: machines as asked for`)
  }
  const lost = await failureOf(vagrant.verify(input, playVagrant(() => 'elsewhere')))
  t.match(formatError(lost), /-libvirt\.box is added by vagrant, and lies in none of its folders of evc\/ciab 0\.1\.0\.\S+\. /)
})

t.test('a box that does not ask for the machine of the spec is told, whatever Vagrant thinks of it (a stand-in for vagrant)', async t => {
  const directory = t.testdir({})
  await exportTarget(vagrant, { goldenDisk: await makeSealedGolden(t.testdir({})), directory })
  const input = { spec, version, sourceDateEpoch, options, directory, signal }
  const cases: readonly (readonly [provider: Provider, path: string, from: RegExp, to: string, told: string])[] = [
    ['hyperv', 'Virtual Machines/box.xml', /<ChannelInstanceGuid.*/, '', 'holds box.xml (hyperv), which has drives = ["IDE 0: box.vhdx"], wanted ["SCSI 0: box.vhdx"]'],
    ['hyperv', 'Vagrantfile', /.*enable_virtualization.*/, '', 'holds Vagrantfile (hyperv), which has machine.enable_virtualization_extensions = nothing, wanted true'],
    ['virtualbox', 'box.ovf', /<NestedHWVirt.*/, '', 'holds box.ovf (virtualbox), which has Machine nesting = nothing, wanted "true"'],
    ['virtualbox', 'box.ovf', /MACAddress="\w{6}/, 'MACAddress="080028', 'holds box.ovf (virtualbox), which has Machine MAC = "080028'],
    ['vmware_desktop', 'box.vmx', /vhv.*/, '', 'holds box.vmx (vmware_desktop), which has vhv.enable = nothing, wanted "TRUE"'],
    ['libvirt', 'metadata.json', /"virtual_size": 1/, '"virtual_size": 2', 'holds metadata.json (libvirt), which has virtual_size = 2, wanted 1'],
  ]
  for (const [provider, path, from, to, told] of cases) {
    const edit = (folder: string, of: string) => {
      if (of !== provider) return
      const text = readFileSync(join(folder, path), 'utf8')
      t.match(text, from)
      writeFileSync(join(folder, path), text.replace(from, to))
    }
    const error = await failureOf(vagrant.verify(input, playVagrant(of => of, edit)))
    t.ok(formatError(error).includes(`vagrant/${boxName(release, provider)} ${told}`), formatError(error))
  }
  const gone = playVagrant(of => of, (folder, of) => of === 'hyperv' && rmSync(join(folder, 'Virtual Machines'), { recursive: true }))
  t.match(formatError(await failureOf(vagrant.verify(input, gone))), 'hyperv.box holds no Virtual Machines/box.xml. ')
})

t.test('start.sh of a newer release takes its own box, though the older one is there, by Vagrant itself', async t => {
  const root = t.testdir({ home: {}, golden: {}, old: {}, new: {} })
  const releases = { old: '0.1.0+20260101.0123abcd', new: '0.1.0+20260101.89abcdef' }
  const golden = await makeSealedGolden(join(root, 'golden'))
  for (const [name, version] of Object.entries(releases)) await exportTarget(vagrant, { goldenDisk: golden, directory: join(root, name), version })
  // There is no libvirt for it to bring a machine up with.
  const program = join(root, 'vagrant')
  writeFileSync(program, '#!/bin/sh\n[ "$1" != up ] || exit 0\nexec vagrant "$@"\n', { mode: 0o755 })
  const env = { VAGRANT: program, VAGRANT_HOME: join(root, 'home'), VAGRANT_NO_PLUGINS: '1', VAGRANT_CHECKPOINT_DISABLE: '1', HOME: root }
  const start = async (name: string) => await realDeps.run(['sh', join(root, name, 'start.sh'), '--provider', 'libvirt', '--wait', '0'], { env })
  for (const name of ['old', 'new', 'new']) await start(name)
  const [older, newer] = Object.values(releases).map(version => boxVersion({ version, sourceDateEpoch })) as [string, string]
  const { stdout } = await realDeps.run([program, 'box', 'list'], { env })
  t.same(stdout.trim().split('\n').sort(), [older, newer].map(each => `evc/ciab (libvirt, ${each})`).sort())
  for (const [name, each] of [['old', older], ['new', newer]] as const) t.match(readFileSync(join(root, name, 'machine/Vagrantfile'), 'utf8'), `box_version = "= ${each}"`)
})

t.test('tells which boxes are compared only', t => {
  const names = vagrant.unshown?.({ spec, version, options, usedBytes: 0 }).map(({ name }) => name)
  t.strictSame(names, providers.filter(provider => provider !== 'libvirt').map(provider => `box of ${provider}`))
  t.end()
})

t.test('a marker that would change a block of another file is told by that file', async t => {
  const directory = t.testdir({})
  const golden = await makeSealedGolden(t.testdir({}))
  await exportTarget(vagrant, { goldenDisk: golden, directory })
  // As if the writer of the marker had put it over the accounts: names and sizes stay.
  const spoiling: Run = async (command, options) => {
    const ended = await realDeps.run(command, options)
    const written = command.at(-1) ?? ''
    if (!command.includes('convert') || !written.endsWith('/marked.raw')) return ended
    // Its file systems; behind them are zeros.
    const start = Buffer.alloc(24 * 1024 ** 2)
    const file = openSync(written, 'r+')
    readSync(file, start, 0, start.length, 0)
    writeSync(file, 'root:!', start.indexOf('root:*'))
    closeSync(file)
    return ended
  }
  const error = await failureOf(vagrant.verify({ spec, version, sourceDateEpoch, options, directory, goldenDisk: golden, signal }, { ...realDeps, run: spoiling }))
  t.match(formatError(error), /would change blocks of the golden disk that belong to: \/etc\/shadow\. /)
})
