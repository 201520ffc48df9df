/** The export of a build: what a release keeps, and what a wish changes of it. */
import t from 'tap'
import { existsSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildStages } from '../../pipeline/run/build.js'
import type { BuildHost } from '../../pipeline/run/build.js'
import type { PreparedBuild } from '../../pipeline/run/prepare.js'
import { openStore } from '../../pipeline/run/store.js'
import { describeFiles, readManifest, writeManifest } from '../../pipeline/stages/release-folder.js'
import type { Manifest } from '../../pipeline/stages/release-folder.js'
import { defaultExportOptions } from '../../pipeline/targets/index.js'
import type { Target } from '../../pipeline/targets/types.js'
import { openWorkshop } from '../fixtures/prepared-build.js'
import type { Workshop } from '../fixtures/prepared-build.js'
import { realRun } from '../fixtures/sealed-disk.js'
import { guestPackages } from '../fixtures/played-apt.js'

/** The target with an export that writes one file with the name in it, and notes that it was asked. */
function played(target: Target, asked: string[]): Target {
  return {
    ...target,
    export: async ({ directory }) => {
      asked.push(target.name)
      writeFileSync(join(directory, 'disk'), target.name)
      return { writers: [], finish: async () => [] }
    },
  }
}

function setUp(directory: string, shop: Workshop) {
  const asked: string[] = []
  const never = () => Promise.reject(new Error('no VM is wanted here'))
  const host: BuildHost = {
    // Where the disk of the test has data is asked for real.
    run: async (command, options) => await (command[1] === 'map' ? realRun : shop.fake.run)(command, options),
    runPiped: never,
    signal: new AbortController().signal,
    logDirectory: directory,
    scratch: join(directory, 'scratch'),
    templates: shop.templates,
    store: openStore(join(shop.state, 'store'), () => {}),
    acceleration: never,
    qemuBinary: '/guard/qemu',
    guardEnvironment: () => ({}),
    xenHost: never,
  }
  const release = join(directory, 'release')
  const disk = join(directory, 'golden')
  writeFileSync(disk, 'golden')
  truncateSync(disk, 10 * 2 ** 30)
  const export_ = async (build: PreparedBuild) => {
    asked.length = 0
    const stages = buildStages({ ...build, targets: build.targets.map(target => played(target, asked)) }, host)
    await stages.export({ disk, key: build.stages.audit.key }, release, () => {})
    return [...asked]
  }
  return { release, host, export: export_, stages: (build: PreparedBuild) => buildStages(build, host) }
}

async function manifestOf(release: string): Promise<Manifest> {
  const manifest = await readManifest(release)
  if (!manifest) throw new Error('nothing was exported')
  return manifest
}

t.test('a manifest says what the release was made of', async t => {
  const directory = t.testdir({})
  const shop = openWorkshop(directory)
  const build = await shop.prepare({ version: '7' })
  const { release, export: exportOf } = setUp(directory, shop)
  t.strictSame(await exportOf(build), ['kvm'])
  const { targets, ...rest } = await manifestOf(release)
  t.strictSame(rest, {
    formatVersion: 1, appliance: 'ciab', title: 'Cloud in a box', version: '7', architecture: 'amd64', date: '2025-11-15T10:00:00.000Z',
    goldenKey: build.stages.audit.key, specHash: build.specHash, tools: build.tools, packageSources: build.recipe.packageSources,
    packages: ['base-files=13', 'incus=6.0.4', ...guestPackages.map(name => `${name}=1`)].sort(),
  })
  t.strictSame(targets, { kvm: { key: build.exportKeys['kvm'], options: defaultExportOptions, files: await describeFiles(join(release, 'kvm'), 'kvm') } })
})

t.test('what is there of the same disk is neither written again nor taken away', async t => {
  const directory = t.testdir({})
  const shop = openWorkshop(directory)
  const { release, export: exportOf } = setUp(directory, shop)
  t.strictSame(await exportOf(await shop.prepare()), ['kvm'])
  t.strictSame(await exportOf(await shop.prepare()), [])
  t.strictSame(await exportOf(await shop.prepare({ targets: ['raw'] })), ['raw'])
  t.strictSame(await exportOf(await shop.prepare({ set: ['timeouts.readySeconds=900'] })), [], 'more time for the boots is in no file')
  t.strictSame(Object.keys((await manifestOf(release)).targets), ['kvm', 'raw'])
  t.equal(readFileSync(join(release, 'kvm/disk'), 'utf8'), 'kvm')
  t.equal(readFileSync(join(release, 'raw/disk'), 'utf8'), 'raw')
})

t.test('what has the keys of this build stays, even where the manifest hashes its description in another way', async t => {
  const directory = t.testdir({})
  const shop = openWorkshop(directory)
  const { release, export: exportOf } = setUp(directory, shop)
  const build = await shop.prepare()
  await exportOf(build)
  await writeManifest(release, { ...(await manifestOf(release)), specHash: 'of an older version of this program' })
  t.strictSame(await exportOf(build), [])
  t.strictSame(await manifestOf(release).then(({ targets, specHash }) => [Object.keys(targets), specHash]), [['kvm'], build.specHash])
  t.equal(readFileSync(join(release, 'kvm/disk'), 'utf8'), 'kvm')
})

t.test('a wish that is in the files has them written anew, and takes away what was made without it', async t => {
  const directory = t.testdir({})
  const shop = openWorkshop(directory)
  const { release, export: exportOf } = setUp(directory, shop)
  await exportOf(await shop.prepare({ version: '7', targets: ['kvm', 'raw'] }))
  t.strictSame(await exportOf(await shop.prepare({ version: '7', set: ['title=Another box'] })), ['kvm'])
  t.notOk(existsSync(join(release, 'raw')), 'it bears the title of before')
})

t.test('a stage whose result is stored runs nothing; secrets of the disk come from beside it', async t => {
  const directory = t.testdir({})
  const shop = openWorkshop(directory)
  const build = await shop.prepare()
  const { host, stages } = setUp(directory, shop)
  const secret = [{ name: 'build key', value: 'AAAA' }]
  const contents = { media: ['root.squashfs', 'vmlinuz', 'initrd.img'], install: ['disk.raw'], provision: ['disk.raw', 'build-secrets.json'], audit: ['audit.json'] } as const
  const folders: Record<string, string> = {}
  for (const [stage, names] of Object.entries(contents)) {
    const { inputs } = build.stages[stage as keyof typeof contents]
    const made = await host.store.build({ stage, appliance: 'ciab', inputs, signal: host.signal }, async folder => {
      mkdirSync(folder, { recursive: true })
      for (const name of names) writeFileSync(join(folder, name), JSON.stringify(secret))
      return {}
    })
    folders[stage] = made.directory
  }
  const asked = shop.fake.lines().length
  const quiet = () => t.fail('nothing is to be told')
  const media = await stages(build).media(quiet)
  t.equal(media.kernel, join(folders['media'] ?? '', 'vmlinuz'))
  const base = await stages(build).install(media, quiet)
  t.strictSame(base, { disk: join(folders['install'] ?? '', 'disk.raw') })
  const provisioned = await stages(build).provision(base, media.kernel, quiet)
  const disk = join(folders['provision'] ?? '', 'disk.raw')
  t.strictSame(provisioned, { disk, secrets: secret })
  t.strictSame(await stages(build).audit(provisioned, quiet), { disk, key: build.stages.audit.key })
  t.equal(shop.fake.lines().length, asked)
})
