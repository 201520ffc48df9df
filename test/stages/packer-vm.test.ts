/** Builder VMs by a played Packer: what the VM says on its console decides, and every end has one message. */
import t from 'tap'
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { interrupted, toolTimeout } from '../../pipeline/errors/tools.js'
import { runPackerVm } from '../../pipeline/stages/packer-vm.js'
import type { PackerVm } from '../../pipeline/stages/packer-vm.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import type { FakeAnswer } from '../fixtures/fake-run.js'
import type { RunOptions } from '../../pipeline/tools/command.js'
import { replaceFreeBytes } from '../fixtures/replaced-files.js'
import { fakeContext } from '../fixtures/stage-context.js'

interface Played extends Omit<FakeAnswer, 'on' | 'effect'> {
  /** What the VM prints on its serial console. */
  readonly serial?: string
  /** What it waits for before it ends. */
  readonly until?: () => Promise<void>
}

function setUp(t: { testdir(content: Record<string, Record<string, never>>): string }, played: Played, more: Partial<PackerVm> = {}) {
  const base = t.testdir({ stage: {}, logs: {} })
  const directory = join(base, 'stage')
  const serialLog = join(base, 'logs', `${more.stage ?? 'install'}.serial.log`)
  const { serial = '', until, ...answer } = played
  const fake = fakeRun([
    { on: /^packer validate / },
    {
      on: /^packer build /,
      ...answer,
      effect: async () => {
        mkdirSync(join(directory, 'packer'))
        mkdirSync(join(directory, 'packer-cache'))
        writeFileSync(join(directory, 'packer', 'disk.raw'), 'disk')
        appendFileSync(serialLog, serial)
        await until?.()
      },
    },
  ])
  const context = fakeContext(fake.run, join(base, 'logs'))
  const vm: PackerVm = { stage: 'install', template: '{}', directory, seconds: 3600, announcesEnd: true, ...more }
  const template = join(directory, `${vm.stage}.json`)
  const hint = `(serial log: ${serialLog})`
  const command = `  command: packer build -color=false -force ${template}\n  last lines of its serial console:`
  return { base, directory, serialLog, fake, context, vm, hint, command, go: () => runPackerVm(vm, context) }
}

const steps = 'PIPELINE install: partitions\r\nnoise\r\nPIPELINE install: packages\r\n'

t.test('gives the disk, tells the steps, and leaves nothing of Packer', async t => {
  const { base, directory, fake, context, go } = setUp(t, { serial: `${steps}PIPELINE install done\r\n` })
  writeFileSync(join(base, 'logs', 'install.serial.log'), 'PIPELINE install failed: of the run before\n')
  const disk = await go()
  t.equal(disk, join(directory, 'disk.raw'))
  t.equal(readFileSync(disk, 'utf8'), 'disk')
  t.same(readdirSync(directory), ['disk.raw'])
  t.same(context.said, ['partitions', 'packages'])
  const template = join(directory, 'install.json')
  t.same(fake.lines(), [`packer validate ${template}`, `packer build -color=false -force ${template}`])
  for (const { options } of fake.calls) {
    t.match(options, {
      cwd: directory,
      logFile: join(base, 'logs', 'install.packer.log'),
      reason: 'run the install stage',
      env: { CHECKPOINT_DISABLE: '1', PACKER_CONFIG_DIR: directory, TMPDIR: '.', GUARD_LABEL: 'install' },
    })
  }
})

t.test("hears what provision says through Packer's own output, and needs no last word there", async t => {
  const stdout = '    provision: PIPELINE provision: 10-seal.sh\n    provision: PIPELINE install: not of this stage\n'
  const { context, go } = setUp(t, { stdout }, { stage: 'provision', announcesEnd: false })
  await go()
  t.same(context.said, ['10-seal.sh'])
})

t.test("the installer's own words are the error, though Packer is content", async t => {
  const serial = `${steps}\u001b[31msfdisk: no room\u001b[0m\r\nPIPELINE install failed: install.sh:12: sfdisk /dev/vdc\r\n`
  const { hint, command, directory, go } = setUp(t, { serial })
  const error = await failureOf(go())
  t.equal(
    formatError(error),
    `error: install failed: install.sh:12: sfdisk /dev/vdc ${hint}\n${command}\n` +
      '  | PIPELINE install: partitions\n  | noise\n  | PIPELINE install: packages\n  | sfdisk: no room\n' +
      '  | PIPELINE install failed: install.sh:12: sfdisk /dev/vdc'
  )
  t.same([error.code, error.exitCode], ['builder-vm-failed', 4])
  t.notOk(existsSync(join(directory, 'disk.raw')), 'its disk is no result')
})

t.test('a VM that never says done has failed', async t => {
  const { hint, command, go } = setUp(t, { serial: 'Kernel panic\n' })
  t.equal(
    formatError(await failureOf(go())),
    `error: install failed: the VM powered off without saying that it was done ${hint}\n${command}\n  | Kernel panic`
  )
})

t.test('shows the last 20 lines of its console', async t => {
  const serial = Array.from({ length: 30 }, (_, at) => `line ${at + 1}\n`).join('')
  const { go } = setUp(t, { serial })
  const { details } = await failureOf(go())
  t.same([details.length, details[2], details.at(-1)], [22, '| line 11', '| line 30'])
})

/** What Packer 1.6.6 says without a communicator; with one it names the time-out. */
const shutdownTimeout = '==> install: Failed to shutdown\nBuild \'install\' errored: Failed to shutdown\n'

t.test('a time-out names the limit in force, the last step, and how to give more time', async t => {
  const { serialLog, command, go } = setUp(t, { serial: steps, exitCode: 1, stderr: shutdownTimeout })
  const error = await failureOf(go())
  t.equal(
    formatError(error),
    `error: install did not end within 3600 s: its last step was "packages" (serial log: ${serialLog}; more time: --set timeouts.installSeconds=N)\n${command}\n` +
      '  | PIPELINE install: partitions\n  | noise\n  | PIPELINE install: packages'
  )
  t.same([error.code, error.exitCode], ['builder-vm-timeout', 4])
})

t.test('the whole run has a limit, too: Packer sets none for the provision scripts', async t => {
  const packer = { file: 'packer', command: 'packer build', lastLines: [] }
  const { serialLog, command, fake, go } = setUp(t, { serial: 'PIPELINE provision: 10-seal.sh\n', error: toolTimeout(packer, 2400) }, {
    stage: 'provision', announcesEnd: false, seconds: 600,
  })
  t.equal(
    formatError(await failureOf(go())),
    `error: provision did not end within 2400 s: its last step was "10-seal.sh" (serial log: ${serialLog}; more time: --set timeouts.provisionSeconds=N)\n` +
      `${command}\n  | PIPELINE provision: 10-seal.sh`
  )
  t.equal(fake.calls[1]?.options.timeoutMs, 2_400_000)
})

t.test('a VM that fails on a full disk of this host failed for that, whatever it says', async t => {
  // Packer removes its disk before it ends: what is free then says nothing.
  const disk = replaceFreeBytes(t, 3 * 1024 ** 2, 1024 ** 3)
  const seen = async () => {
    while (disk.asked() === 0) await sleep(50)
  }
  const full = setUp(t, { serial: 'PIPELINE install failed: mke2fs: Input/output error\n', exitCode: 1, stderr: shutdownTimeout, until: seen })
  const error = await failureOf(full.go())
  t.same([error.code, error.exitCode], ['disk-full', 4])
  t.equal(error.message, `No space left for install on the disk of ${full.directory} (3 MiB free).`)
  t.equal(error.details[0], 'install failed: mke2fs: Input/output error')
  const other = setUp(t, { serial: 'PIPELINE install failed: pre-script\n', exitCode: 1, stderr: shutdownTimeout })
  t.equal((await failureOf(other.go())).code, 'builder-vm-failed')
})

t.test('a time-out of a VM that said nothing', async t => {
  const { serialLog, command, go } = setUp(
    t,
    { exitCode: 1, stderr: '==> provision: Timeout waiting for SSH.\n' },
    { stage: 'provision', announcesEnd: false, seconds: 600 }
  )
  t.equal(
    formatError(await failureOf(go())),
    `error: provision did not end within 600 s: it named no step (serial log: ${serialLog}; more time: --set timeouts.provisionSeconds=N)\n${command}`
  )
})

t.test('what the VM says failed counts more than how Packer ended', async t => {
  const serial = 'PIPELINE install failed: pre-script\n'
  const { hint, command, go } = setUp(t, { serial, exitCode: 1, stderr: shutdownTimeout })
  t.equal(
    formatError(await failureOf(go())),
    `error: install failed: pre-script ${hint}\n${command}\n  | PIPELINE install failed: pre-script`
  )
})

t.test("another failure is told in Packer's words", async t => {
  const stderr = '==> install: Error launching VM: Qemu failed to start.\n==> install: Deleting output directory...\n'
  const { hint, command, go } = setUp(t, { exitCode: 1, stderr })
  t.equal(
    formatError(await failureOf(go())),
    `error: install failed: install: Error launching VM: Qemu failed to start. ${hint}\n${command}`
  )
  const silent = setUp(t, { exitCode: 1 })
  t.match(formatError(await failureOf(silent.go())), 'error: install failed: Packer gave no reason (serial log: ')
})

t.test('an interruption stays one', async t => {
  const { go } = setUp(t, { error: interrupted() })
  t.equal((await failureOf(go())).code, 'interrupted')
})

t.test('a template that Packer refuses starts no VM', async t => {
  const base = t.testdir({ stage: {}, logs: {} })
  const fake = fakeRun([{ on: /^packer validate /, exitCode: 1, stderr: 'unknown configuration key\n' }])
  const vm: PackerVm = { stage: 'install', template: '{', directory: join(base, 'stage'), seconds: 1, announcesEnd: true }
  t.equal((await failureOf(runPackerVm(vm, fakeContext(fake.run, join(base, 'logs'))))).code, 'tool-failed')
  t.equal(fake.calls.length, 1)
})

/** As Packer does: it goes on until it is told to end, and what it rejects with then is the signal's reason. */
const goesOn = (serialLog: string, text: string) => async (_: unknown, { signal }: RunOptions) => {
  appendFileSync(serialLog, text)
  await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error)))
}

function anaconda(t: { testdir(content: Record<string, Record<string, never>>): string }, text: string) {
  const base = t.testdir({ stage: {}, logs: {} })
  const directory = join(base, 'stage')
  const serialLog = join(base, 'logs/install.serial.log')
  const fake = fakeRun([{ on: /^packer validate / }, { on: /^packer build /, effect: goesOn(serialLog, text) }])
  const context = fakeContext(fake.run, join(base, 'logs'))
  const vm: PackerVm = { stage: 'install', template: '{}', directory, seconds: 3600, announcesEnd: true, endAfterTroubleMs: 50 }
  const command = `packer build -color=false -force ${join(directory, 'install.json')}`
  return { serialLog, command, go: () => runPackerVm(vm, context) }
}

t.test("Anaconda's error screen ends the VM, and the lines around it explain", async t => {
  const text = 'Starting installer\r\nTraceback (most recent call last):\r\n  File "/sbin/anaconda", line 1\r\nValueError: no disks\r\n'
  const { serialLog, command, go } = anaconda(t, text)
  const error = await failureOf(go())
  t.equal(
    formatError(error),
    `error: install failed: Anaconda stopped: Traceback (most recent call last): (see the lines below; serial log: ${serialLog})\n` +
      `  command: ${command}\n  what its console says:\n  | Starting installer\n  | Traceback (most recent call last):\n` +
      '  |   File "/sbin/anaconda", line 1\n  | ValueError: no disks'
  )
  t.same([error.code, error.exitCode], ['installer-stopped', 4])
})

t.test('a question that waits on its own line ends it, too', async t => {
  const { serialLog, command, go } = anaconda(t, "No disks are selected.\r\nPlease respond 'yes' or 'no': ")
  t.equal(
    formatError(await failureOf(go())),
    `error: install failed: Anaconda asks: Please respond 'yes' or 'no': (answer it in the kickstart; serial log: ${serialLog})\n` +
      `  command: ${command}\n  what its console says:\n  | No disks are selected.\n  | Please respond 'yes' or 'no':`
  )
})

t.test("the kickstart's own word counts more, and ends Anaconda's wait", async t => {
  const { serialLog, command, go } = anaconda(t, 'PIPELINE install failed: no repository has the package foo\r\n')
  t.equal(
    formatError(await failureOf(go())),
    `error: install failed: no repository has the package foo (serial log: ${serialLog})\n  command: ${command}\n` +
      '  last lines of its serial console:\n  | PIPELINE install failed: no repository has the package foo'
  )
})

t.test('a power-off after an error screen is a failure, whatever was said before', async t => {
  const serial = 'PIPELINE install done\r\nThe installation was stopped due to an error\r\n'
  const { go } = setUp(t, { serial }, { endAfterTroubleMs: 60_000 })
  t.match((await failureOf(go())).message, 'install failed: Anaconda stopped: The installation was stopped due to an error')
})
