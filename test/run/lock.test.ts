/** The lock between real processes. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { formatHolder } from '../../pipeline/errors/run.js'
import { acquireLock, findHolder } from '../../pipeline/run/lock.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { readBootId } from '../../pipeline/tools/process.js'

const settings = { signal: new AbortController().signal, parentEnv: process.env, graceMs: 100 }
const run = createRun(settings)
const script = fileURLToPath(new URL('../fixtures/lock-holder.ts', import.meta.url))
// execArgv holds what makes Node read TypeScript here.
const holder = [process.execPath, ...process.execArgv, script] as const

function options(directory: string, wait: boolean) {
  return { store: directory, purpose: 'build ciab', wait }
}

t.test('refuses a second run, naming the first, until the first gives it back', async t => {
  const locks = join(t.testdir(), 'locks')
  const release = await acquireLock(locks, options('/store', false))
  const found = findHolder(locks)
  t.equal(found?.pid, process.pid)
  t.match(found?.since, /^\d{4}-/)
  const since = found?.since.slice(0, 19).replace('T', ' ')
  await t.rejects(acquireLock(locks, options('/store', false)), {
    code: 'store-locked',
    message: `The stage store /store is in use by build ciab (pid ${process.pid}, since ${since} UTC).`,
    hint: 'wait until it has ended, or use another store with --store DIR',
    exitCode: 3,
  })
  release()
  t.equal(findHolder(locks), undefined)
  const again = await acquireLock(locks, options('/store', false))
  again()
  t.same(readdirSync(locks), [])
})

t.test('waits for the first run, says so once, and goes on when it has ended', async t => {
  const locks = join(t.testdir(), 'locks')
  const release = await acquireLock(locks, options('/store', false))
  const waits: string[] = []
  const second = acquireLock(locks, { ...options('/store', true), onWait: held => waits.push(formatHolder(held)) })
  await sleep(800)
  t.equal(waits.length, 1)
  t.match(waits[0], /^build ciab \(pid \d+, since .* UTC\)$/)
  release()
  ;(await second)()
})

t.test('stops waiting on an interruption', async t => {
  const locks = join(t.testdir(), 'locks')
  const release = await acquireLock(locks, options('/store', false))
  const controller = new AbortController()
  const second = acquireLock(locks, { ...options('/store', true), signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  await t.rejects(second, { code: 'interrupted', message: 'Interrupted.' })
  release()
})

t.test('takes the lock of a run that was killed with SIGKILL', async t => {
  const locks = join(t.testdir(), 'locks')
  let pid = 0
  const killer = createRun({ ...settings, onSpawn: group => void (pid = group.pid) })
  let refused: unknown
  const killed = killer([...holder, 'hold', locks], {
    onLine: () => {
      refused = findHolder(locks)?.pid
      process.kill(pid, 'SIGKILL')
    },
  })
  await t.rejects(killed, { code: 'tool-signal' })
  t.equal(refused, pid, 'it did hold the lock')
  ;(await acquireLock(locks, options('/store', false)))()
  t.same(readdirSync(locks), [])
})

t.test('is never held by two of several processes that all want it', async t => {
  const directory = t.testdir()
  const processes = Array.from({ length: 4 }, () => run([...holder, 'rounds', join(directory, 'locks'), '8']))
  t.same((await Promise.all(processes)).map(result => result.exitCode), [0, 0, 0, 0])
  t.same(readdirSync(join(directory, 'locks')), [])
})

t.test('a lock of another boot, or of a process with the same pid but another start, counts for nothing', async t => {
  const locks = t.testdir({})
  const otherBoot = '00000000-0000-4000-8000-000000000000'
  const own = readFileSync(`/proc/${process.pid}/stat`, 'utf8').split(' ')[21]
  for (const name of [`claim-${process.pid}-${own}-${otherBoot}-aa`, `claim-${process.pid}-1-${readBootId()}-bb`]) {
    writeFileSync(join(locks, name), '')
    writeFileSync(join(locks, `${name}.held`), '')
  }
  ;(await acquireLock(locks, options('/store', false)))()
  t.same(readdirSync(locks), [])
})

t.test('says when it cannot write', async t => {
  const locks = join(t.testdir({ file: '' }), 'file')
  await t.rejects(acquireLock(locks, options('/store', false)), {
    code: 'store-not-writable',
    message: `Cannot write to the stage store /store: ENOTDIR: not a directory, scandir '${locks}'.`,
    hint: 'make it writable, or give another folder with --store DIR',
    exitCode: 3,
  })
})
