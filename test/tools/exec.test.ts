/** The real Run on small real programs. */
import { chmodSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { createRun } from '../../pipeline/tools/exec.js'
import type { RunSettings } from '../../pipeline/tools/exec.js'
import type { Command, RunOptions } from '../../pipeline/tools/command.js'
import { groupIsRunning } from '../../pipeline/tools/process.js'

const parentEnv = { PATH: process.env['PATH'], HOME: '/home/someone' }

function makeRun(settings: Partial<RunSettings> = {}) {
  return createRun({ signal: new AbortController().signal, parentEnv, graceMs: 300, ...settings })
}

async function failureOf(promise: Promise<unknown>): Promise<PipelineError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof PipelineError) return error
    throw error
  }
  throw new Error('did not fail')
}

function script(text: string, ...args: string[]): Command {
  return ['sh', '-c', text, 'sh', ...args]
}

t.test('gives both streams and the exit code', async t => {
  const result = await makeRun()(script('echo out; echo err >&2; exit 3'), { okCodes: [0, 3] })
  t.same(result, { stdout: 'out\n', stderr: 'err\n', exitCode: 3 })
})

t.test('keeps a result that is megabytes long whole', async t => {
  const { stdout } = await makeRun()(['head', '-c', '5000000', '/dev/zero'])
  t.equal(stdout.length, 5_000_000)
})

t.test('passes text to standard input, which is closed otherwise', async t => {
  t.equal((await makeRun()(['cat'], { input: 'some text' })).stdout, 'some text')
  t.equal((await makeRun()(['cat'])).stdout, '')
})

t.test('hands on only a small environment', async t => {
  const run = makeRun({
    parentEnv: {
      PATH: process.env['PATH'], HOME: '/home/someone', LC_ALL: 'de_DE.UTF-8', https_proxy: 'http://proxy.example:3128',
      SSL_CERT_FILE: '/ca.pem', AWS_SECRET_ACCESS_KEY: 'never', GITHUB_TOKEN: 'never', EDITOR: 'vi',
    },
  })
  const { stdout } = await run(['env'], { env: { TMPDIR: '/var/tmp' } })
  const lines = stdout.split('\n')
  for (const line of ['HOME=/home/someone', 'LC_ALL=C.UTF-8', 'TMPDIR=/var/tmp']) t.ok(lines.includes(line), line)
  t.notMatch(stdout, /^(AWS_SECRET_ACCESS_KEY|GITHUB_TOKEN|EDITOR)=/m)
})

t.test('names a missing program, what it is for and how to get it', async t => {
  const error = await failureOf(makeRun({ parentEnv: { PATH: '/nowhere' } })(['qemu-img', 'info'], { reason: 'export kvm' }))
  t.equal(error.code, 'tool-missing')
  t.equal(error.message, 'Could not find "qemu-img", needed to export kvm.')
  t.equal(error.hint, 'apt-get install qemu-utils')
  t.equal(error.exitCode, 3)
})

t.test('says why a program could not be started', async t => {
  const directory = t.testdir({ notes: 'no program', busy: '' })
  const notes = join(directory, 'notes')
  const denied = await failureOf(makeRun()([notes]))
  t.equal(denied.message, `Could not start "${notes}": it may not be executed by this user.`)
  const nowhere = await failureOf(makeRun()(['true'], { cwd: '/nowhere' }))
  t.equal(nowhere.message, 'Could not start "true": its working folder /nowhere does not exist.')
  t.equal(nowhere.exitCode, 3)
  const busy = join(directory, 'busy')
  chmodSync(busy, 0o755)
  openSync(busy, 'w')
  t.equal((await failureOf(makeRun()([busy]))).message, `Could not start "${busy}": its file is being written.`)
})

t.test('shows exit code, command, last twenty lines and log of a failure', async t => {
  const logFile = join(t.testdir(), 'logs', 'stage.log')
  const error = await failureOf(makeRun()(['sh', '-c', 'seq 1 30 >&2; exit 7'], { logFile }))
  t.equal(error.code, 'tool-failed')
  t.equal(error.message, '"sh" ended with exit code 7.')
  t.equal(error.hint, `log: ${logFile}`)
  t.equal(error.exitCode, 4)
  const lines = Array.from({ length: 20 }, (_, index) => `| ${index + 11}`)
  t.same(error.details, ["command: sh -c 'seq 1 30 >&2; exit 7'", 'last lines it printed:', ...lines])
  const log = readFileSync(logFile, 'utf8').split('\n')
  t.equal(log[0], "$ sh -c 'seq 1 30 >&2; exit 7'")
  t.match(log[31], /^# exit code 7 after \d+\.\d s$/)
})

t.test('tells a signal from an exit code', async t => {
  const error = await failureOf(makeRun()(script('kill -SEGV $$')))
  t.equal(error.code, 'tool-signal')
  t.equal(error.message, '"sh" was ended by SIGSEGV.')
  t.same(error.details.slice(1), ['it printed nothing'])
})

t.test('ends a command that takes too long, with its grandchildren', async t => {
  const groups: number[] = []
  const run = makeRun({ onSpawn: ({ pid }) => void groups.push(pid) })
  const error = await failureOf(run(script('sleep 60 & sleep 60'), { timeoutMs: 200 }))
  t.equal(error.code, 'tool-timeout')
  t.equal(error.message, '"sh" did not end within 0.2 s and was ended.')
  t.equal(groups.length, 1)
  t.notOk(groupIsRunning(groups[0] ?? 0))
})

t.test('kills a group that ignores SIGTERM after the grace', async t => {
  const groups: number[] = []
  const run = makeRun({ onSpawn: ({ pid }) => void groups.push(pid) })
  const error = await failureOf(run(script('trap "" TERM; echo up; sleep 60; sleep 60'), { timeoutMs: 300 }))
  t.equal(error.code, 'tool-timeout')
  t.notOk(groupIsRunning(groups[0] ?? 0))
})

t.test('ends every command on abort and refuses later ones', async t => {
  const controller = new AbortController()
  const groups: number[] = []
  const run = makeRun({ signal: controller.signal, onSpawn: ({ pid }) => void groups.push(pid) })
  const both = [run(script('sleep 60 & wait')), run(['sleep', '60'])].map(failureOf)
  setTimeout(() => controller.abort(), 100)
  for (const error of await Promise.all(both)) {
    t.equal(error.message, 'Interrupted.')
    t.equal(error.hint, 'run the same command again to continue: finished stages are kept')
    t.equal(error.exitCode, 130)
  }
  t.notOk(groups.some(groupIsRunning))
  t.equal((await failureOf(run(['true']))).code, 'interrupted')
  t.equal(groups.length, 2, 'the later command was not started')
})

t.test('ends one command by its own signal, with the reason given', async t => {
  const controller = new AbortController()
  const reason = new PipelineError({ code: 'enough', message: 'Enough.', exitCode: 4 })
  const promise = failureOf(makeRun()(['sleep', '60'], { signal: controller.signal }))
  controller.abort(reason)
  t.equal(await promise, reason)
})

t.test('does not wait for a grandchild that keeps the streams open, and leaves none behind', async t => {
  const groups: number[] = []
  const run = makeRun({ onSpawn: ({ pid }) => void groups.push(pid) })
  const { stdout } = await run(script('sleep 60 & echo done'))
  t.equal(stdout, 'done\n')
  t.notOk(groupIsRunning(groups[0] ?? 0))
})

t.test('does not wait for a daemon that left the group with the streams open', async t => {
  const directory = t.testdir()
  const { stdout } = await makeRun()(script('setsid sh -c \'echo $$ >"$1/pid"; exec sleep 60\' sh "$1" & echo done; sleep 0.2', directory))
  t.equal(stdout, 'done\n')
  process.kill(Number(readFileSync(join(directory, 'pid'), 'utf8')), 'SIGKILL')
})

t.test('calls the release function when the group is gone', async t => {
  const seen: string[] = []
  const run = makeRun({
    onSpawn: ({ command }) => {
      seen.push(`start ${command}`)
      return () => seen.push('gone')
    },
    secrets: ['hush-hush'],
  })
  await run(['echo', 'hush-hush'])
  t.same(seen, ['start echo ***', 'gone'])
})

t.test('masks secrets in log, lines and errors, also when cut in two or in a URL', async t => {
  const logFile = join(t.testdir(), 'stage.log')
  const lines: string[] = []
  const options: RunOptions = { logFile, secrets: ['pass word/1'], onLine: line => lines.push(line) }
  const text = 'printf "a pass wo"; sleep 0.2; echo "rd/1 b"; echo "http://me:pass%20word%2F1@mirror.example"; echo "$1" >&2; exit 1'
  const error = await failureOf(makeRun({ secrets: ['global-secret'] })(script(text, 'global-secret'), options))
  t.same(lines, ['a *** b', 'http://me:***@mirror.example', '***'])
  const all = `${readFileSync(logFile, 'utf8')}${error.details.join('\n')}`
  t.notMatch(all, /pass word|pass%20word|global-secret/)
  t.match(error.details[0], /\*\*\*/)
})

t.test('masks the password of the proxy', async t => {
  const run = makeRun({ parentEnv: { PATH: process.env['PATH'], https_proxy: 'http://me:p%40ssw0rd@proxy.example:3128' } })
  const error = await failureOf(run(script('echo "proxy $https_proxy refused, p@ssw0rd"; exit 5')))
  t.equal(error.details.at(-1), '| proxy http://me:***@proxy.example:3128 refused, ***')
})

t.test('passes lines on as they come', async t => {
  let first = 0
  const started = Date.now()
  await makeRun()(script('echo one; sleep 1'), { onLine: () => (first = Date.now() - started) })
  t.ok(first < 800, `the line came after ${first} ms`)
})

t.test('ends a command whose log cannot be written', async t => {
  const directory = t.testdir({ file: '' })
  const logFile = join(directory, 'file', 'stage.log')
  const error = await failureOf(makeRun()(script('echo x >"$1"', join(directory, 'ran')), { logFile }))
  t.equal(error.code, 'log-not-writable')
  t.match(error.message, `Cannot write the log ${logFile}: `)
  t.notOk(existsSync(join(directory, 'ran')))
})

t.test('a full log disk ends the command and is the reason given', async t => {
  const error = await failureOf(makeRun()(script('while sleep 0.1; do echo line; done'), { logFile: '/dev/full' }))
  t.equal(error.code, 'log-not-writable')
  t.equal(error.message, 'Cannot write the log /dev/full: ENOSPC: no space left on device, write.')
  t.equal(error.exitCode, 3)
})

t.test('ends a command that prints more than is kept', async t => {
  const error = await failureOf(makeRun()(['cat', '/dev/zero']))
  t.equal(error.code, 'tool-output-too-large')
  t.equal(error.message, '"cat" printed more than 64 MiB and was ended: no result of it is that large.')
})

t.test('appends to a log that is there', async t => {
  const directory = t.testdir()
  mkdirSync(join(directory, 'logs'))
  const logFile = join(directory, 'logs', 'stage.log')
  writeFileSync(logFile, 'before\n')
  await makeRun()(['echo', 'after'], { logFile })
  t.match(readFileSync(logFile, 'utf8'), /^before\n\$ echo after\nafter\n# exit code 0 after /)
})
