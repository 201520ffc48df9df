/** Where there is no /proc: processes, locks and a download as on macOS. */
import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import '../fixtures/no-proc.js'
import { acquireLock, findHolder } from '../../pipeline/run/lock.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { endGroup, groupIsRunning, isRunning, ownStartTime, readBootId } from '../../pipeline/tools/process.js'
import { startFileServer } from '../fixtures/file-server.js'
import { makeSshKey } from '../fixtures/keys.js'
import { runMain } from '../fixtures/main-run.js'
import { publishedFolder } from '../fixtures/published-folder.js'

t.test('/proc is hidden', async t => {
  t.throws(() => readFileSync('/proc/self/stat', 'utf8'), { code: 'ENOENT' })
  t.throws(() => readdirSync('/proc'), { code: 'ENOENT' })
})

/** Of a process that has ended. */
async function gonePid(): Promise<number> {
  const child = spawn('true')
  await once(child, 'exit')
  return child.pid ?? 0
}

t.test('a process is told by its pid', async t => {
  t.ok(isRunning(process.pid, ownStartTime()))
  t.notOk(isRunning(await gonePid(), ownStartTime()))
})

t.test('a program that takes too long is ended', async t => {
  let group = 0
  const run = createRun({ signal: new AbortController().signal, parentEnv: process.env, onSpawn: ({ pid }) => void (group = pid) })
  // One process: an orphan's zombie, which /proc alone tells from a process, stays where pid 1 does not reap.
  await t.rejects(run(['sleep', '60'], { timeoutMs: 300 }), { code: 'tool-timeout' })
  t.notOk(groupIsRunning(group))
  await endGroup(group, 10)
})

t.test('a lock is refused to others while its process lives, and is nothing when that has ended', async t => {
  const locks = join(t.testdir(), 'locks')
  const options = { store: '/store', purpose: 'fetch', wait: false }
  const unlock = await acquireLock(locks, options)
  t.equal(findHolder(locks)?.pid, process.pid)
  await t.rejects(acquireLock(locks, options), { code: 'store-locked' })
  unlock()
  const left = `claim-${await gonePid()}-${ownStartTime()}-${readBootId()}-aa`
  for (const name of [left, `${left}.held`]) writeFileSync(join(locks, name), '')
  ;(await acquireLock(locks, options))()
  t.same(readdirSync(locks), [])
})

t.test('a release is downloaded', async t => {
  const directory = t.testdir({ tree: {}, out: {} })
  const key = makeSshKey(join(directory, 'key'))
  const tree = publishedFolder(join(directory, 'tree'), key)
  const release = await tree.release('1.0', { 'kvm/disk.qcow2': 'disk' })
  await tree.channel('stable', release)
  await tree.index([release])
  const server = await startFileServer(join(directory, 'tree'))
  t.teardown(() => server.close())
  const places = ['--from', `${server.url}/`, '--store', join(directory, 'state'), '--output', join(directory, 'out')]
  const { code, stderr } = await runMain(['fetch', 'ciab', '--target', 'kvm', ...places, '--key', `${key}.pub`])
  t.equal(code, 0, stderr)
  t.equal(readFileSync(join(directory, 'out/ciab-1.0/kvm/disk.qcow2'), 'utf8'), 'disk')
})
