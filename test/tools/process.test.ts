/** Processes told apart by pid and start time. */
import t from 'tap'
import { createRun } from '../../pipeline/tools/exec.js'
import { endGroup, groupIsRunning, isRunning, readBootId, readProcess, sendToGroup } from '../../pipeline/tools/process.js'

t.test('reads this process', async t => {
  const found = readProcess(process.pid)
  t.equal(found?.pid, process.pid)
  t.match(found?.startTime, /^\d+$/)
  t.ok(isRunning(process.pid, found?.startTime ?? ''))
  t.notOk(isRunning(process.pid, '1'), 'another start time is another process')
  t.match(readBootId(), /^[0-9a-f-]{36}$/)
})

t.test('reads a process whose name holds spaces and parentheses', async t => {
  const run = createRun({ signal: new AbortController().signal, parentEnv: process.env })
  const text = 'printf "a) R 1 (b" >/proc/$$/comm; read -r line </proc/$$/stat; echo $$ "$line"; cat'
  let seen: ReturnType<typeof readProcess>
  let pid = 0
  const running = run(['sh', '-c', `${text}; sleep 60`], {
    timeoutMs: 500,
    onLine: line => {
      pid = Number(line.split(' ')[0])
      seen = readProcess(pid)
    },
  })
  await t.rejects(running, { code: 'tool-timeout' })
  t.equal(seen?.group, pid)
  t.match(seen?.startTime, /^\d+$/)
})

t.test('gives nothing for a process that is gone', async t => {
  t.equal(readProcess(2 ** 22 + 1), undefined)
  t.notOk(groupIsRunning(2 ** 22 + 1))
  await endGroup(2 ** 22 + 1, 10)
})

t.test('refuses to signal everybody', async t => {
  t.throws(() => sendToGroup(0, 'SIGTERM'), { message: 'not a process group of ours: 0' })
  t.throws(() => sendToGroup(1, 'SIGTERM'), { message: 'not a process group of ours: 1' })
})
