/** The stage store on a real folder. */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { stageKey } from '../../pipeline/run/key.js'
import type { Json } from '../../pipeline/tools/json.js'
import { openStore } from '../../pipeline/run/store.js'
import { createRun } from '../../pipeline/tools/exec.js'

const signal = new AbortController().signal
const inputs = { files: { 'first-boot/10-network': 'aa' }, qemu: '10.0.2' }

function makeStore(directory: string) {
  const warnings: string[] = []
  const path = join(directory, 'store')
  return { store: openStore(path, line => warnings.push(line)), warnings, path }
}

function media(given: Json = inputs) {
  return { stage: 'media', appliance: 'ciab', inputs: given, signal }
}

async function fill(directory: string): Promise<{ root: string }> {
  mkdirSync(join(directory, 'boot'))
  writeFileSync(join(directory, 'boot/vmlinuz'), 'kernel')
  writeFileSync(join(directory, 'root.squashfs'), Buffer.alloc(2_000_000))
  return { root: 'root.squashfs' }
}

t.test('stores a result under its final name, whole, and finds it again', async t => {
  const { store, warnings, path } = makeStore(t.testdir())
  t.equal(await store.lookup('media', inputs), undefined)
  const seen: string[] = []
  const made = await store.build(media(), async directory => {
    seen.push(...readdirSync(path))
    return await fill(directory)
  })
  const name = `media-${stageKey(inputs).slice(0, 16)}`
  t.same(seen, [`${name}.tmp-${process.pid}`])
  t.same(readdirSync(path), [name])
  t.equal(made.directory, join(path, name))
  t.same(await store.lookup('media', inputs), made)
  t.same(made.meta, { root: 'root.squashfs' })
  t.same(warnings, [])
})

t.test('says in its record what went in and what came out', async t => {
  const { store } = makeStore(t.testdir())
  const { directory, created, seconds } = await store.build(media(), fill)
  t.same(JSON.parse(readFileSync(join(directory, 'stage.json'), 'utf8')), {
    formatVersion: 1,
    stage: 'media',
    key: stageKey(inputs),
    appliance: 'ciab',
    inputs,
    meta: { root: 'root.squashfs' },
    created,
    seconds,
    files: [
      { path: 'boot/vmlinuz', bytes: 6, sha256: '6923dd1bc0460082c5d55a831908c24a282860b7f1cd6c2b79cf1bc8857c639c' },
      { path: 'root.squashfs', bytes: 2_000_000 },
    ],
  })
})

t.test('other inputs and other stages have other results', async t => {
  const { store } = makeStore(t.testdir())
  await store.build(media(), fill)
  t.equal(await store.lookup('media', { ...inputs, qemu: '7.2' }), undefined)
  t.equal(await store.lookup('install', inputs), undefined)
})

t.test('finds damage, says it in one line, and replaces the result', async t => {
  const damages: Readonly<Record<string, readonly [(directory: string) => void, string]>> = {
    truncated: [directory => truncateSync(join(directory, 'root.squashfs'), 100), 'root.squashfs has 100 bytes, 2.0 MB expected'],
    missing: [directory => rmSync(join(directory, 'boot/vmlinuz')), 'boot/vmlinuz is missing'],
    changed: [directory => writeFileSync(join(directory, 'boot/vmlinuz'), 'KERNEL'), 'boot/vmlinuz is not what was stored'],
    record: [directory => truncateSync(join(directory, 'stage.json'), 100), 'stage.json cannot be read'],
    'no record': [directory => rmSync(join(directory, 'stage.json')), 'stage.json cannot be read'],
  }
  for (const [name, [damage, words]] of Object.entries(damages)) {
    const { store, warnings, path } = makeStore(t.testdir({ [name]: {} }))
    damage((await store.build(media(), fill)).directory)
    t.equal(await store.lookup('media', inputs), undefined, name)
    t.same(warnings, [`The stored result of media is damaged: ${words}. Running media again.`], name)
    await store.build(media(), fill)
    t.ok(await store.lookup('media', inputs), name)
    t.equal(readdirSync(path).length, 1, name)
  }
})

t.test('leaves nothing behind when a stage fails', async t => {
  const { store, path } = makeStore(t.testdir())
  const reason = new Error('install went wrong')
  const failing = store.build(media(), async directory => {
    await fill(directory)
    throw reason
  })
  await t.rejects(failing, reason)
  t.same(readdirSync(path), [])
  t.equal(await store.lookup('media', inputs), undefined)
})

t.test('stores nothing after an interruption', async t => {
  const { store, path } = makeStore(t.testdir())
  const controller = new AbortController()
  const building = store.build({ ...media(), signal: controller.signal }, async directory => {
    controller.abort()
    return await fill(directory)
  })
  await t.rejects(building, { code: 'interrupted', message: 'Interrupted.', exitCode: 130 })
  t.same(readdirSync(path), [])
})

t.test('refuses a result that names its temporary folder', async t => {
  const { store } = makeStore(t.testdir())
  const building = store.build(media(), async directory => ({ disk: join(directory, 'disk.raw') }))
  await t.rejects(building, { message: 'media returned a path of its temporary folder' })
})

t.test('says when the disk is full', async t => {
  const { store, path } = makeStore(t.testdir())
  const building = store.build(media(), async () => writeFileSync('/dev/full', 'x') as unknown as null)
  const error = await building.catch((found: unknown) => found)
  if (!(error instanceof PipelineError)) throw new Error('not a PipelineError')
  t.match(error.message, /^No space left for media on the disk of the stage store \S+ \(\d+ MiB free\)\.$/)
  t.equal(
    error.hint,
    'pipeline plan shows what a build needs; free some space (pipeline clean removes old results), then run the same command again: finished stages are kept'
  )
  t.equal(error.code, 'disk-full')
  t.equal(error.exitCode, 4)
  t.same(readdirSync(path), [])
})

t.test('tells a full disk from a tool, on a disk that is really full', { skip: process.getuid?.() !== 0 }, async t => {
  const directory = t.testdir()
  const run = createRun({ signal, parentEnv: process.env })
  const mounted = await run(['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory]).then(() => true, () => false)
  if (!mounted) return void t.comment('this machine does not allow mounts: not tried')
  try {
    const { store, path } = makeStore(directory)
    const building = store.build(media(), async folder => {
      await run(['dd', 'if=/dev/zero', `of=${folder}/disk`, 'bs=64k'])
      return null
    })
    await t.rejects(building, {
      code: 'disk-full',
      message: `No space left for media on the disk of the stage store ${path} (0 MiB free).`,
    })
    t.same(readdirSync(path), [])
  } finally {
    await run(['umount', directory])
  }
})

t.test('says when its folder cannot be written', async t => {
  const directory = t.testdir({ file: '' })
  const path = join(directory, 'file', 'store')
  await t.rejects(openStore(path, () => {}).build(media(), fill), {
    code: 'store-not-writable',
    message: `Cannot write to the stage store ${path}: ENOTDIR: not a directory, mkdir '${path}'.`,
    hint: 'make it writable, or give another folder with --store DIR',
    exitCode: 3,
  })
})

t.test('says why a stage has no result', async t => {
  const { store } = makeStore(t.testdir())
  t.equal(await store.explain('media', inputs), 'first run')
  await store.build(media(), fill)
  t.equal(await store.explain('media', { ...inputs, qemu: '10.1' }), 'qemu changed from 10.0.2 to 10.1')
  t.equal((await store.history('media')).length, 1)
  t.ok(existsSync(store.directory))
})
