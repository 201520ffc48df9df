/** clean: what goes, what stays, and that a build in progress is left alone. */
import t from 'tap'
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { acquireLock, cleanPurpose, findUse, useReleases } from '../../pipeline/run/lock.js'
import { openStore } from '../../pipeline/run/store.js'
import { chunkCutter } from '../../pipeline/tools/chunk-index.js'
import { runMain } from '../fixtures/main-run.js'

async function places(directory: string) {
  const state = join(directory, 'state')
  const store = openStore(join(state, 'store'), () => {})
  const { signal } = new AbortController()
  for (const which of ['old', 'new']) {
    await store.build({ stage: 'media', appliance: 'ciab', inputs: { which }, signal }, async folder => {
      writeFileSync(join(folder, 'data'), which)
      return {}
    })
    await new Promise(resolve => setTimeout(resolve, 5))
  }
  const artifacts = join(directory, 'artifacts')
  for (const [index, name] of ['ciab-1', 'ciab-2', 'other-1'].entries()) {
    mkdirSync(join(artifacts, name), { recursive: true })
    const file = join(artifacts, name, 'manifest.json')
    writeFileSync(file, JSON.stringify({ formatVersion: 1, appliance: name.split('-')[0] }))
    utimesSync(file, 1000 + index, 1000 + index)
  }
  mkdirSync(join(artifacts, 'mine'))
  return { state, artifacts, names: () => readdirSync(join(state, 'store')), options: ['--store', state, '--artifacts', artifacts] }
}

t.test('removes all but the newest result of each stage, and says what', async t => {
  const { names, artifacts, options } = await places(t.testdir({}))
  const before = names()
  const { code, stdout, stderr } = await runMain(['clean', ...options])
  t.same([code, stderr], [0, ''])
  const [gone = ''] = before.filter(name => !names().includes(name))
  t.equal(names().length, 1)
  t.equal(stdout, `removed ${gone}\nfreed 0.0 GiB\n`)
  t.same(readdirSync(artifacts), ['ciab-1', 'ciab-2', 'mine', 'other-1'], 'releases stay')
})

t.test('--all --releases removes everything it has made, and nothing else', async t => {
  const { names, artifacts, options } = await places(t.testdir({}))
  const before = names()
  const { code, stdout } = await runMain(['clean', '--all', '--releases', '--json', ...options])
  t.equal(code, 0)
  const result = JSON.parse(stdout) as { removed: string[]; freedBytes: number }
  t.same(result.removed, [...before, 'ciab-1', 'ciab-2', 'other-1'])
  t.ok(result.freedBytes > 0)
  t.same(names(), [])
  t.same(readdirSync(artifacts), ['mine'])
})

t.test('options about releases are refused without --releases, and a release that is none; nothing is removed', async t => {
  const { names, artifacts, options } = await places(t.testdir({}))
  const before = [names(), readdirSync(artifacts)]
  const mine = join(artifacts, 'mine')
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['--all', '--appliance', 'ciab'], '--appliance changes nothing here: it says whose releases go, with --releases. (leave it out, or say what it is for)'],
    [['--keep', join(artifacts, 'ciab-1')], '--keep changes nothing here: it says which release stays, with --releases. (leave it out, or say what it is for)'],
    [['--releases', '--keep', mine], `${mine} is no release: it has no readable manifest.json. (give the folder that pipeline build printed, artifacts/<appliance>-<version>)`],
  ]
  for (const [words, message] of cases) {
    t.same(await runMain(['clean', ...words, ...options]), { code: 2, stdout: '', stderr: `error: ${message}\n` })
  }
  t.same([names(), readdirSync(artifacts)], before)
})

t.test('--releases keeps the newest of each appliance', async t => {
  const { artifacts, options } = await places(t.testdir({}))
  await runMain(['clean', '--releases', ...options])
  t.same(readdirSync(artifacts), ['ciab-2', 'mine', 'other-1'])
})

t.test('--keep and --appliance spare a release that is not the newest, and those of other appliances', async t => {
  const { artifacts, options } = await places(t.testdir({}))
  await runMain(['clean', '--releases', '--all', '--appliance', 'other', ...options])
  t.same(readdirSync(artifacts), ['ciab-1', 'ciab-2', 'mine'])
  await runMain(['clean', '--releases', '--keep', join(artifacts, 'ciab-1'), ...options])
  t.same(readdirSync(artifacts), ['ciab-1', 'ciab-2', 'mine'])
  await runMain(['clean', '--releases', '--all', '--keep', `${artifacts}/../artifacts/ciab-1/`, ...options])
  t.same(readdirSync(artifacts), ['ciab-1', 'mine'])
})

t.test('what a publish or sign uses stays, and old results go nevertheless; one that begins meanwhile waits', async t => {
  const { state, artifacts, names, options } = await places(t.testdir({}))
  const [locks, chunk] = [join(state, 'locks'), join(state, 'chunks', `${'1'.repeat(64)}.1.chunks`)]
  mkdirSync(join(state, 'chunks'))
  writeFileSync(chunk, '')
  const use = { store: join(state, 'store'), purpose: 'publish artifacts/ciab-1' }
  const [letGo, second] = [await useReleases(locks, use), await useReleases(locks, use)]
  second()
  const { code, stderr } = await runMain(['clean', '--releases', ...options])
  t.same([code, stderr], [0, `releases and their chunk indexes stay: process ${process.pid} uses them (publish artifacts/ciab-1)\n`])
  t.same([readdirSync(artifacts), names().length, existsSync(chunk)], [['ciab-1', 'ciab-2', 'mine', 'other-1'], 1, true])
  letGo()
  const unlock = await acquireLock(locks, { ...use, purpose: cleanPurpose, wait: false })
  const waiting = useReleases(locks, { ...use, onWait: ({ purpose }) => t.equal(purpose, 'clean') })
  t.equal(await Promise.race([waiting, new Promise(resolve => setTimeout(resolve, 400, 'waits'))]), 'waits')
  unlock()
  ;(await waiting)()
  await runMain(['clean', '--releases', ...options])
  t.same([readdirSync(artifacts), existsSync(chunk)], [['ciab-2', 'mine', 'other-1'], false])
})

for (const command of ['publish', 'sign']) {
  t.test(`${command} is such a use`, async t => {
    const { state, artifacts, options } = await places(t.testdir({}))
    const unlock = await acquireLock(join(state, 'locks'), { store: join(state, 'store'), purpose: cleanPurpose, wait: false })
    const running = runMain([command, join(artifacts, 'mine'), ...(command === 'publish' ? ['--to', 's3://b/p', '--channel', 'x', '--dry-run'] : []), ...options])
    while (!findUse(join(state, 'locks'))) await new Promise(resolve => setTimeout(resolve, 50))
    unlock()
    t.match(await running, { code: 2, stderr: /^Waiting for process \d+, which uses this store too \(clean\)\.\nerror: / })
  })
}

t.test('what a killed clean has begun to remove is no release any more, and the next one ends it', async t => {
  const { artifacts, options } = await places(t.testdir({}))
  renameSync(join(artifacts, 'ciab-2'), join(artifacts, '.removed-ciab-2'))
  t.equal((await runMain(['clean', '--releases', ...options])).code, 0)
  t.same(readdirSync(artifacts), ['ciab-1', 'mine', 'other-1'])
})

t.test('chunk indexes of artifacts that are gone go, those of releases that stay do not, and no journal is touched', async t => {
  const { state, artifacts, options } = await places(t.testdir({}))
  const [old, kept, foreign] = ['1', '2', '3'].map(digit => digit.repeat(64)) as [string, string, string]
  for (const [name, sha256] of [['ciab-1', old], ['ciab-2', kept]] as const) {
    const targets = { kvm: { files: [{ path: 'kvm/disk', sizeBytes: 1, sha256 }] } }
    const file = join(artifacts, name, 'manifest.json')
    const { mtime } = statSync(file)
    writeFileSync(file, JSON.stringify({ formatVersion: 1, appliance: 'ciab', targets }))
    utimesSync(file, mtime, mtime)
  }
  const indexOf = (sha256: string, cutter: number = chunkCutter) => `${sha256}.${cutter}.chunks`
  const [chunks, publish] = [join(state, 'chunks'), join(state, 'publish')]
  for (const [folder, name] of [[chunks, indexOf(old)], [chunks, indexOf(kept)], [chunks, indexOf(kept, 1)], [chunks, indexOf(foreign)], [chunks, 'notes'], [publish, 'a.jsonl']] as const) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, name), 'x'.repeat(100_000))
  }
  const { stdout } = await runMain(['clean', '--json', ...options])
  t.same(readdirSync(chunks), [indexOf(old), indexOf(kept), 'notes'], 'those of another cutter, or of nothing here, are of no use')
  t.ok((JSON.parse(stdout) as { freedBytes: number }).freedBytes >= 200_000)
  await runMain(['clean', '--releases', ...options])
  t.same(readdirSync(chunks), [indexOf(kept), 'notes'])
  t.same(readdirSync(publish), ['a.jsonl'])
})

t.test('refuses while a build runs', async t => {
  const { state, names, artifacts, options } = await places(t.testdir({}))
  const unlock = await acquireLock(join(state, 'locks'), { store: join(state, 'store'), purpose: 'build ciab', wait: false })
  const { code, stdout, stderr } = await runMain(['clean', '--all', '--releases', ...options])
  unlock()
  t.same([code, stdout], [3, ''])
  t.match(stderr, new RegExp(`^error: The stage store ${state}/store is in use by build ciab \\(pid ${process.pid}, since .* UTC\\)\\. \\(wait until it has ended, or use another store with --store DIR\\)\n$`))
  t.equal(names().length, 2)
  t.ok(existsSync(join(artifacts, 'ciab-1')))
})
