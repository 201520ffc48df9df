/** export: what is kept, and that a release never holds half a target, whatever stops it. */
import t from 'tap'
import { aboutPhony } from '../fixtures/phony-target.js'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { relative, join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { toolFailed } from '../../pipeline/errors/tools.js'
import { exportTargets, exportedTargets, requireWritable } from '../../pipeline/stages/export.js'
import type { ExportRequest } from '../../pipeline/stages/export.js'
import type { ImageWriter } from '../../pipeline/images/types.js'
import { createRun } from '../../pipeline/tools/exec.js'
import type { ExportInput, Target } from '../../pipeline/targets/types.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { replaceFiles } from '../fixtures/replaced-files.js'
import { fakeContext } from '../fixtures/stage-context.js'
import { options, spec, version, writeGoldenDisk } from '../fixtures/target-contract.js'

const played = writeGoldenDisk(t.testdir({}), 'played')
const deps = { run: fakeRun([{ on: /^qemu-img map /, stdout: '[]' }]).run, render: async () => '', templates: '/templates' }
const run = createRun({ signal: new AbortController().signal, parentEnv: process.env })

/** A target that writes one file of this content, or does something else. */
function target(name: string, write: (input: ExportInput) => void = ({ directory }) => writeFileSync(join(directory, 'disk'), name)): Target {
  return {
    name,
    summary: 'a target for tests',
    ...aboutPhony,
    from: 'disk',
    tools: [],
    guest: { packages: { debian: [], el: [] }, drivers: [], modules: [], devices: [], kernelArguments: [] },
    plan: () => [],
    export: async input => ({
      writers: [],
      finish: async () => {
        write(input)
        return []
      },
    }),
    verify: async () => [],
  }
}

function requestFor(release: string, targets: readonly Target[], golden = 'golden-1', key = 'key-1'): ExportRequest {
  return {
    spec,
    version,
    options,
    release,
    goldenDisk: played,
    targets: targets.map(target => ({ target, key })),
    manifest: {
      formatVersion: 1,
      appliance: spec.name,
      title: spec.title,
      version,
      architecture: spec.architecture,
      date: '2025-11-15T10:00:00.000Z',
      goldenKey: golden,
      specHash: 'hash',
      tools: { packer: '1', qemu: '2', 'qemu-img': '3', mmdebstrap: '4', tar2sqfs: '5', e2fsprogs: '6', zstd: '7' },
      packageSources: [],
      packages: [],
    },
  }
}

const exportTo = (request: ExportRequest, context = fakeContext(deps.run, '/nowhere')) => exportTargets(request, deps, context)

t.test('says what other programs read of the disk besides', async t => {
  const context = fakeContext(deps.run, '/nowhere')
  const reads = [{ program: 'dd', what: 'its end', estimatedBytes: 2 * 1024 ** 2 }]
  await exportTo(requestFor(join(t.testdir({}), 'ciab-1'), [{ ...target('one'), reads }]), context)
  t.same(context.said, ['one; the golden disk is read once; besides, for one by dd: its end, ~2 MiB'])
})

t.test('writes each target with its digests, and sums that sha256sum checks', async t => {
  const release = join(t.testdir({}), 'artifacts', 'ciab-1')
  const context = fakeContext(deps.run, '/nowhere')
  const manifest = await exportTo(requestFor(release, [target('one'), target('two')]), context)
  t.same(context.said, ['one, two; the golden disk is read once'])
  t.same(manifest.targets['one'], {
    key: 'key-1',
    options,
    files: [{ path: 'one/disk', sizeBytes: 3, sha256: '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed' }],
  })
  t.same(readdirSync(release).sort(), ['SHA256SUMS', 'manifest.json', 'one', 'two'])
  t.same(JSON.parse(readFileSync(join(release, 'manifest.json'), 'utf8')), manifest)
  await run(['sha256sum', '--check', '--strict', 'SHA256SUMS'], { cwd: release })
})

t.test('keeps other targets of the same golden disk, and none of another', async t => {
  const release = join(t.testdir({}), 'release')
  await exportTo(requestFor(release, [target('one')]))
  const wanted = [{ name: 'one', key: 'key-1' }, { name: 'two', key: 'key-1' }]
  t.same(await exportedTargets(release, wanted), ['one'])
  const second = await exportTo(requestFor(release, [target('two')]))
  t.same(Object.keys(second.targets), ['one', 'two'])
  t.same(await exportedTargets(release, wanted), ['one', 'two'])
  t.same(await exportedTargets(release, [{ name: 'one', key: 'other' }]), [], 'of another key')
  rmSync(join(release, 'one', 'disk'))
  t.same(await exportedTargets(release, wanted), ['two'], 'of which a file is gone')
  const third = await exportTo(requestFor(release, [target('two')], 'golden-2'))
  t.same(Object.keys(third.targets), ['two'])
  t.same(readdirSync(release).sort(), ['SHA256SUMS', 'manifest.json', 'two'], 'nor do its files stay')
  t.same(await exportedTargets(join(release, 'none'), wanted), [], 'of no release')
})

t.test('a release in which nothing is made keeps its manifest, whatever programs look at it', async t => {
  const release = join(t.testdir({}), 'release')
  await exportTo(requestFor(release, [target('one')]))
  const manifest = () => readFileSync(join(release, 'manifest.json'), 'utf8')
  const first = manifest()
  const later = requestFor(release, [])
  const tools = { ...later.manifest.tools, packer: '8' }
  await exportTo({ ...later, manifest: { ...later.manifest, tools } })
  t.equal(manifest(), first)
  const more = requestFor(release, [target('two')])
  await exportTo({ ...more, manifest: { ...more.manifest, tools } })
  t.match(JSON.parse(manifest()), { tools: { packer: '8' }, targets: { one: {}, two: {} } })
})

t.test('a report goes with the files it was made of, and stays when none is replaced', async t => {
  const release = join(t.testdir({}), 'release')
  await exportTo(requestFor(release, [target('one')]))
  for (const name of ['verification.json', 'verification.md']) writeFileSync(join(release, name), 'passed')
  await exportTo(requestFor(release, []))
  t.ok(existsSync(join(release, 'verification.json')))
  t.match(readFileSync(join(release, 'SHA256SUMS'), 'utf8'), / verification\.json\n/, 'a sum that was missing is added')
  const broken = target('one', () => {
    throw new Error('broken')
  })
  await t.rejects(exportTo(requestFor(release, [broken])))
  t.ok(existsSync(join(release, 'verification.json')), 'an export that fails replaces nothing')
  await exportTo(requestFor(release, [target('one')]))
  t.same(readdirSync(release).sort(), ['SHA256SUMS', 'manifest.json', 'one'])
})

t.test('an export that fails leaves the old files of its target, and nothing half-written', async t => {
  const release = join(t.testdir({}), 'release')
  await exportTo(requestFor(release, [target('one')]))
  const error = new Error('broken')
  const broken = target('one', ({ directory }) => {
    writeFileSync(join(directory, 'disk'), 'half')
    throw error
  })
  await t.rejects(exportTo(requestFor(release, [broken], 'golden-1', 'key-2')), error)
  t.same(readdirSync(release).sort(), ['SHA256SUMS', 'manifest.json', 'one'])
  t.equal(readFileSync(join(release, 'one', 'disk'), 'utf8'), 'one')
  t.same(await exportedTargets(release, [{ name: 'one', key: 'key-1' }]), ['one'])
})

t.test('removes what dead runs left, and leaves alone what a living one is writing', async t => {
  const release = join(t.testdir({}), 'release')
  const dead = spawnSync('true').pid
  const names = [`.one.tmp-${dead}`, `.manifest.json.tmp-${dead}`, `.one.tmp-${process.ppid}`, '.keep']
  for (const name of names) mkdirSync(join(release, name), { recursive: true })
  writeFileSync(join(release, names[0] ?? '', 'disk'), 'half')
  await exportTo(requestFor(release, [target('two')]))
  t.same(readdirSync(release).sort(), ['.keep', `.one.tmp-${process.ppid}`, 'SHA256SUMS', 'manifest.json', 'two'])
})

t.test('every exported file is on the disk before its folder gets its name', async t => {
  const release = join(t.testdir({}), 'release')
  const done: string[] = []
  const shown = (path: string) => relative(release, path).replace(String(process.pid), 'PID')
  replaceFiles(t, own => ({
    open: async (...given) => {
      const file = await own.open(...given)
      const sync = file.sync.bind(file)
      file.sync = async () => {
        done.push(`sync ${shown(String(given[0]))}`)
        await sync()
      }
      return file
    },
    rename: async (from, to) => {
      done.push(`rename ${shown(String(to))}`)
      await own.rename(from, to)
    },
  }))
  const deep = target('one', ({ directory }) => {
    mkdirSync(join(directory, 'deep'))
    writeFileSync(join(directory, 'deep', 'disk'), 'x')
  })
  await exportTargets(requestFor(release, [deep]), deps, fakeContext(deps.run, '/nowhere'))
  const until = done.indexOf('rename one')
  t.same(done.slice(0, until).sort(), ['sync .one.tmp-PID', 'sync .one.tmp-PID/deep', 'sync .one.tmp-PID/deep/disk'])
  t.same(done.slice(until, until + 2), ['rename one', 'sync '], "and the release's folder after it")
})

const mayMount = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0
const skip = mayMount ? false : 'mounting a small disk needs root'
const hint =
  '(pipeline plan shows what a build needs; free some space (pipeline clean removes old results), then run the same command again: finished stages are kept)'

t.test('a full disk is told as such, and nothing is left on it', { skip }, async t => {
  const directory = t.testdir({})
  await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
  try {
    const release = join(directory, 'release')
    const large = target('large', ({ directory }) => writeFileSync(join(directory, 'disk'), Buffer.alloc(4 * 1024 * 1024)))
    const error = await failureOf(exportTo(requestFor(release, [large])))
    t.equal(
      formatError(error),
      `error: No space left for the export of large on the disk of ${release} (0 MiB free). ${hint}`
    )
    t.same([error.code, error.exitCode], ['disk-full', 4])
    t.same(readdirSync(release), [])

    const lastLines = ['qemu-img: error while writing: No space left on device']
    const told = toolFailed({ file: 'qemu-img', command: 'qemu-img convert', lastLines }, 1)
    const byTool = target('tool', ({ directory }) => {
      writeFileSync(join(directory, 'disk'), Buffer.alloc(700 * 1024))
      throw told
    })
    const second = await failureOf(exportTo(requestFor(release, [byTool])))
    t.equal(second.message, `No space left for the export of tool on the disk of ${release} (0 MiB free).`)
    t.ok(second.details.some(line => line.includes(lastLines[0] ?? '')), "with the tool's words")
    t.same(readdirSync(release), [])
  } finally {
    await run(['umount', directory])
  }
})

t.test('what will not fit is refused before anything is written', async t => {
  const release = join(t.testdir({}), 'release')
  const huge = (name: string, estimatedBytes: number) => ({
    ...target(name, () => t.fail('must not be exported')),
    plan: () => [{ name: 'disk', mediaType: 'application/x-disk', estimatedBytes }],
    scratchBytes: () => 2 ** 20,
  })
  const error = await failureOf(exportTo(requestFor(release, [huge('one', 2 ** 60), huge('two', 2 ** 20)])))
  t.equal(
    formatError(error).replace(/\d+ MiB are free/, 'N MiB are free'),
    [
      `error: The export needs about 1099511627779 MiB on the disk of ${release}, and N MiB are free. ` +
        '(free some space (pipeline clean --releases removes old releases), name fewer targets, or give another folder with --artifacts DIR)',
      'one: 1099511627777 MiB',
      'two: 2 MiB',
    ].join('\n  ')
  )
  t.equal(error.exitCode, 3)
  t.same(readdirSync(release), [])
})

/** A writer that only counts what it is given. */
function counting(): ImageWriter & { taken: number } {
  return {
    taken: 0,
    deflates: [],
    begin: async () => {},
    async take() {
      this.taken += 1
    },
    finish: async () => {},
    abort: async () => {},
  }
}

function writing(name: string, writer: ImageWriter): Target {
  return { ...target(name), export: async () => ({ writers: [writer], finish: async () => [] }) }
}

t.test('one pass feeds the writers of all targets; a golden disk of another size is refused', async t => {
  const directory = t.testdir({})
  const golden = writeGoldenDisk(directory)
  const [one, two] = [counting(), counting()]
  const request = { ...requestFor(join(directory, 'release'), [writing('one', one), writing('two', two)]), goldenDisk: golden }
  await exportTo(request, fakeContext(run, '/nowhere'))
  t.same([one.taken, two.taken], [3, 3])
  truncateSync(golden.path, 2 ** 29)
  const error = await failureOf(exportTo(request, fakeContext(run, '/nowhere')))
  t.equal(error.message, `The golden disk ${golden.path} has 536870912 bytes, wanted 1073741824.`)
  t.same(readdirSync(join(directory, 'release')).sort(), ['SHA256SUMS', 'manifest.json', 'one', 'two'], 'what was there stays')
})

t.test('the golden disk is looked at before any target reads of it', async t => {
  const release = join(t.testdir({}), 'release')
  const path = join(t.testdirName, 'empty.raw')
  writeFileSync(path, '')
  const reading: Target = { ...target('one'), export: async () => t.fail('must not be asked') as never }
  const error = await failureOf(exportTo({ ...requestFor(release, [reading]), goldenDisk: { path, format: 'raw' } }))
  t.equal(error.message, `The golden disk ${path} has 0 bytes, wanted 1073741824.`)
})

t.test('a golden disk that is replaced while targets prepare is noticed', async t => {
  const directory = t.testdir({})
  const golden = writeGoldenDisk(directory)
  const replacing: Target = {
    ...target('one'),
    export: async () => {
      renameSync(writeGoldenDisk(directory, 'other').path, golden.path)
      return { writers: [counting()], finish: async () => [] }
    },
  }
  const error = await failureOf(exportTo({ ...requestFor(join(directory, 'release'), [replacing]), goldenDisk: golden }, fakeContext(run, '/nowhere')))
  t.equal(error.message, `The golden disk ${golden.path} was replaced while it was exported.`)
})

t.test('files that an archive holds, too, are marked in the manifest', async t => {
  const release = join(t.testdir({}), 'release')
  const packed: Target = {
    ...target('one'),
    export: async ({ directory }) => ({
      writers: [],
      finish: async () => {
        for (const name of ['a', 'b.zip']) writeFileSync(join(directory, name), name)
        return [
          { name: 'a', mediaType: 'text/plain', bytes: 1, executable: false, packedIn: 'b.zip' },
          { name: 'b.zip', mediaType: 'application/zip', bytes: 5, executable: false },
        ]
      },
    }),
  }
  const { targets } = await exportTo(requestFor(release, [packed]))
  t.same(targets['one']?.files.map(({ path, packedIn }) => [path, packedIn]), [['one/a', 'one/b.zip'], ['one/b.zip', undefined]])
})

const other = '(give a folder you may write to with --artifacts DIR)'

t.test('a folder that cannot be made is told with the reason', async t => {
  const directory = t.testdir({ file: '' })
  const message = async (release: string) => formatError(await failureOf(requireWritable(release)))
  t.equal(await message(join(directory, 'file')), `error: Cannot write to ${directory}/file: it is a file. ${other}`)
  t.equal(
    await message(join(directory, 'file', 'release')),
    `error: Cannot write to ${directory}/file/release: part of the path is a file. ${other}`
  )
  await requireWritable(join(directory, 'made', 'release'))
  t.ok(existsSync(join(directory, 'made', 'release')))
})

t.test('a disk that is read-only is told', { skip }, async t => {
  const directory = t.testdir({})
  await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
  try {
    const release = join(directory, 'release')
    mkdirSync(release)
    await run(['mount', '-o', 'remount,ro', directory])
    const there = await failureOf(exportTo(requestFor(release, [target('one')])))
    t.equal(formatError(there), `error: Cannot write to ${release}: the file system is read-only. ${other}`)
    t.equal(there.exitCode, 3)
    const absent = await failureOf(requireWritable(join(directory, 'other')))
    t.equal(formatError(absent), `error: Cannot write to ${directory}: the file system is read-only. ${other}`)
  } finally {
    await run(['umount', directory])
  }
})
