/** What a build knows before it runs: which change of its inputs runs which stage again, and which none. */
import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { toolMissing } from '../../pipeline/errors/tools.js'
import type { PreparedBuild } from '../../pipeline/run/prepare.js'
import { failureOf } from '../fixtures/failure.js'
import { openWorkshop } from '../fixtures/prepared-build.js'
import type { Workshop } from '../fixtures/prepared-build.js'

const stages = ['media', 'install', 'provision', 'audit'] as const

/** What differs between two builds, in the order of a build. */
function changed(one: PreparedBuild, other: PreparedBuild): string[] {
  return [
    ...stages.filter(stage => one.stages[stage].key !== other.stages[stage].key),
    ...Object.keys(one.exportKeys).filter(name => one.exportKeys[name] !== other.exportKeys[name]),
    ...(['version', 'specHash'] as const).filter(name => one[name] !== other[name]),
  ]
}

const all = ['media', 'install', 'provision', 'audit', 'kvm', 'version']
const from = (stage: string) => all.slice(all.indexOf(stage))

interface Change {
  readonly make?: (shop: Workshop) => void
  readonly set?: readonly string[]
  readonly runs: readonly string[]
}

const changes: Readonly<Record<string, Change>> = {
  'nothing': { runs: [] },
  'a package that the mirror has in another version': { make: shop => shop.offered.splice(0, 1, 'base-files 14'), runs: all },
  'a hook of the bootstrap': { make: shop => shop.append('templates/media/customize-hook', '# x\n'), runs: all },
  'another mmdebstrap': { make: shop => (shop.versions['mmdebstrap'] = '1.2.4'), runs: all },
  'another tar2sqfs': { make: shop => (shop.versions['tar2sqfs'] = '1.2.4'), runs: all },
  'a file of install/': { make: shop => shop.append('kickstarts/ciab/install/demo-image/build.sh', '# x\n'), runs: from('install') },
  'a script in the kickstart': { make: shop => shop.append('kickstarts/ciab/ciab.ks.hbs', '%post\ntrue\n%end\n'), runs: from('install') },
  "Packer's template of install": { make: shop => shop.append('templates/packer/install.json.hbs', '\n'), runs: from('install') },
  'another QEMU': { make: shop => (shop.versions['qemu'] = '1.2.4'), runs: from('install') },
  'another Packer': { make: shop => (shop.versions['packer'] = '1.2.4'), runs: from('install') },
  'another mke2fs': { make: shop => (shop.versions['e2fsprogs'] = '1.2.4'), runs: from('install') },
  'the size of the disk': { set: ['hardware.diskGib=11'], runs: [...from('install'), 'specHash'] },
  'a provision script': { make: shop => shop.append('kickstarts/ciab/provision/15-more.sh', 'true\n'), runs: from('provision') },
  'a file of the first boot': { make: shop => shop.append('kickstarts/ciab/first-boot/usr/lib/evc/cloud.sh', '# x\n'), runs: from('provision') },
  'the engine of the first boot': { make: shop => shop.append('kickstarts/shared/first-boot/usr/lib/evc/first-boot', '# x\n'), runs: from('provision') },
  "Packer's template of provision": { make: shop => shop.append('templates/packer/provision.json.hbs', '\n'), runs: from('provision') },
  'memory, which only descriptors name': { set: ['hardware.memoryMib=8192'], runs: ['kvm', 'version', 'specHash'] },
  'the page of a target': { make: shop => shop.append('templates/kvm/README.txt.hbs', 'x\n'), runs: ['kvm', 'version'] },
  'another qemu-img': { make: shop => (shop.versions['qemu-img'] = '1.2.4'), runs: ['kvm', 'version'] },
  'another zstd': { make: shop => (shop.versions['zstd'] = '1.2.4'), runs: ['kvm', 'version'] },
  'a writer of images': { make: shop => shop.append('pipeline/images/qcow2.ts', '// mended\n'), runs: ['kvm', 'version'] },
  'the code of a target': { make: shop => shop.append('pipeline/targets/kvm.ts', '// mended\n'), runs: ['kvm', 'version'] },
  'the page of a target that was not chosen': { make: shop => shop.append('templates/vmware/README.txt.hbs', 'x\n'), runs: ['kvm', 'version'] },
  'more time for each part': { set: ['timeouts.installSeconds=900', 'timeouts.provisionSeconds=900', 'timeouts.readySeconds=900'], runs: [] },
}

const shop = openWorkshop(t.testdir({}))
const usual = await shop.prepare()

for (const [what, { make, set = [], runs }] of Object.entries(changes)) {
  t.test(`${what}: ${runs.length > 0 ? `changes ${runs.join(', ')}` : 'changes no key'}`, async t => {
    t.teardown(shop.undo)
    make?.(shop)
    t.strictSame(changed(usual, await shop.prepare({ set })), runs)
  })
}

t.test('the version says the date of the mirror and eight digits of the key, or what was asked for', async t => {
  t.match(usual.version, /^0\.1\.0\+20251115\.[0-9a-f]{8}$/)
  const named = await shop.prepare({ version: '7' })
  t.equal(named.version, '7')
  t.strictSame(changed(usual, named), ['kvm', 'version'], 'it is in the names of files, and in no disk')
})

t.test('the chosen targets are no input of the disk', async t => {
  const more = await shop.prepare({ targets: ['vmware', 'kvm'] })
  t.strictSame(changed(usual, more), [])
  t.strictSame(Object.keys(more.exportKeys), ['kvm', 'vmware'])
})

t.test("a wish for a target's files counts for them alone", async t => {
  const targets = ['all']
  const [before, sha1, vhd] = [
    await shop.prepare({ targets }),
    await shop.prepare({ targets, exportOptions: { ovaManifest: 'sha1', hypervVhd: false } }),
    await shop.prepare({ targets, exportOptions: { ovaManifest: 'sha256', hypervVhd: true } }),
  ]
  t.strictSame(changed(before, sha1), ['ova', 'virtualbox'])
  t.strictSame(changed(before, vhd), ['hyperv'])
})

t.test('neither the mirror nor the folders it all lies in are an input', async t => {
  const other = openWorkshop(t.testdir({}))
  t.strictSame(changed(usual, await other.prepare({ mirror: 'http://other.example/debian' })), [])
})

t.test('names a missing program when what was asked beside it has ended', async t => {
  const missing = { file: 'packer', reason: 'build an appliance', hint: 'apt install packer' }
  let ended = false
  const slow = async () => {
    await sleep(50)
    ended = true
  }
  const lacking = openWorkshop(t.testdir({}), [{ on: 'packer version', error: toolMissing(missing) }, { on: /^apt-config dump /, effect: slow }])
  t.equal(formatError(await failureOf(lacking.prepare())), 'error: Could not find "packer", needed to build an appliance. (apt install packer)')
  t.equal(ended, true)
})

t.test('what the targets of the spec need on the disk, and SSH for the build, is asked for before it', async t => {
  t.teardown(shop.undo)
  for (const name of ['openssh-server', 'qemu-guest-agent']) shop.offered.splice(shop.offered.indexOf(`${name} 1`), 1)
  const error = await failureOf(shop.prepare())
  t.equal(error.exitCode, 2)
  t.equal(
    formatError(error),
    `error: ${shop.root}/kickstarts/ciab/ciab.ks.hbs: the image would be without openssh-server, qemu-guest-agent, which its provision or its targets need. ` +
      '(Add them to %packages; which targets an image is for stands in appliance.yaml (targets).)'
  )
})
