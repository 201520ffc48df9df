/** What build and plan share: one probe for both, and room that is asked for before the first stage. */
import t from 'tap'
import { Writable } from 'node:stream'
import type { CommandIo } from '../../pipeline/commands/io.js'
import { probeOnce, requireSpace, requireWayThrough } from '../../pipeline/commands/session.js'
import { formatError, PipelineError } from '../../pipeline/errors/pipeline-error.js'
import type { Host } from '../../pipeline/run/host.js'
import { fakeRun } from '../fixtures/fake-run.js'
import type { FakeRun } from '../fixtures/fake-run.js'

function setUp() {
  const fake = fakeRun([{ on: 'qemu-system-x86_64 --version', stdout: 'QEMU emulator version 10.0.2 (Debian 1:10.0.2)\n' }])
  const said: string[] = []
  const stderr = new Writable({
    write: (chunk, _, done) => {
      said.push(String(chunk))
      done()
    },
  }) as NodeJS.WriteStream
  const io: CommandIo = { stdout: stderr, stderr, env: {} }
  return { fake, said, io, host: hostOf(fake) }
}

function hostOf({ run }: FakeRun): Host {
  return { run, runPiped: () => Promise.reject(new Error('no pipe is wanted')), signal: new AbortController().signal, qemuBinary: 'qemu', guardEnvironment: () => ({}), close: () => {} }
}

t.test('who asked for emulation gets it without a word, and QEMU is asked once', async t => {
  const { fake, said, io, host } = setUp()
  const acceleration = probeOnce({ accel: 'tcg' }, host, io)
  const answers = [await acceleration(undefined), await acceleration('/boot/vmlinuz'), await acceleration('/boot/vmlinuz')]
  for (const answer of answers) t.strictSame(answer, { kind: 'tcg', reason: '--accel tcg was given', qemuVersion: '10.0.2', timeoutFactor: 6 })
  t.strictSame(said, [])
  t.strictSame(fake.lines(), ['qemu-system-x86_64 --version'])
})

t.test('a release that the later stages do not know can be installed, and no more', async t => {
  const old = { family: 'el', release: '6.10' } as const
  requireWayThrough(old, 'install')
  requireWayThrough({ family: 'el', release: '7.9' }, 'verify')
  requireWayThrough({ family: 'debian', release: 'trixie' }, 'verify')
  try {
    requireWayThrough(old, 'provision')
    t.fail('must refuse it')
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error
    t.equal(error.exitCode, 2)
    t.equal(
      formatError(error),
      'error: Release 6.10 of the el family can be installed, and not be made into an appliance: the stages after install need systemd ' +
        'and GRUB 2. (pipeline build APPLIANCE --until install, or take a newer release)'
    )
  }
})

t.test('asks for no more room than there is', async t => {
  const plan = (needBytes: number, freeBytes: number) => ({ plan: { needBytes, freeBytes } })
  requireSpace(plan(1024 ** 3, 1024 ** 3), '/state')
  try {
    requireSpace(plan(7.25 * 1024 ** 3, 2 * 1024 ** 3), '/state')
    t.fail('nothing failed')
  } catch (error) {
    t.ok(error instanceof PipelineError)
    t.equal(formatError(error as PipelineError), 'error: This build needs 7.3 GiB of disk, and /state has 2.0 GiB free. (free some space (pipeline clean), or put the store elsewhere with --store DIR)')
    t.equal((error as PipelineError).exitCode, 3)
  }
})
