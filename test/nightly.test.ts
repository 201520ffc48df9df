/** ci/nightly: its steps, what it says of a night that ended early, and what it leaves on its host. The pipeline is a stub. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './fixtures/main-run.js'

const said = { build: 'release', publish: 'address', clean: 'removed media-1\nfreed 1.5 GiB' }

/** @param fails commands of the pipeline that fail, with their exit codes */
function night(directory: string, fails: Readonly<Record<string, number>> = {}) {
  const program = join(directory, 'pipeline')
  const says = Object.entries(said).map(([command, text]) => `${command}) echo '${text}' ;;`)
  const ends = Object.entries(fails).map(([command, code]) => `${command}) exit ${code} ;;`)
  writeFileSync(program, `#!/bin/sh\necho "$@" >>"$0.log"\n[ "$2" != --check ] || set -- keys\ncase $1 in ${ends.join(' ')} esac\ncase $1 in ${says.join(' ')} esac\n`)
  chmodSync(program, 0o755)
  writeFileSync(`${program}.log`, '')
  const args = ['--to', 's3://b/p', '--target', 'kvm', '--store', 'state', '--set', 'a=b', '--artifacts', 'made']
  const { status, stdout, stderr } = spawnSync(join(repository, 'ci/nightly'), args, { encoding: 'utf8', env: { ...process.env, PIPELINE: program } })
  const calls = readFileSync(`${program}.log`, 'utf8').trim().split('\n')
  return { status, stdout, calls, commands: calls.map(call => (call.startsWith('sign --check') ? 'keys' : call.split(' ')[0])), lines: stderr.trim().split('\n') }
}

t.test('a night that is published cleans up what earlier ones left, in its own places', t => {
  const { status, stdout, calls, commands, lines } = night(t.testdir({}))
  t.same([status, stdout], [0, 'address\n'])
  t.same(commands, ['keys', 'build', 'sign', 'publish', 'prune', 'clean'])
  t.equal(calls.at(-1), 'clean --releases --appliance ciab --keep release --store state --artifacts made', 'its own release stays, also when a person has built a newer one')
  t.equal(lines.at(-1), 'nightly: clean: freed 1.5 GiB')
  t.end()
})

t.test('a clean that fails is told, and the night is as published as it was', t => {
  const { status, stdout, lines } = night(t.testdir({}), { clean: 3 })
  t.same([status, stdout], [0, 'address\n'])
  t.equal(lines.at(-1), 'nightly: clean ended with exit code 3, old releases and results stay on this host; the release is published')
  t.end()
})

t.test('failed nights do not fill the disk either; what they came to is said last', t => {
  const { status, stdout, calls, commands, lines } = night(t.testdir({}), { build: 5 })
  t.same([status, stdout, commands], [5, '', ['keys', 'build', 'clean']])
  t.equal(calls.at(-1), 'clean --releases --appliance ciab --store state --artifacts made')
  t.same(lines, ['nightly: keys', 'nightly: build', 'nightly: clean: freed 1.5 GiB', 'nightly: build ended with exit code 5; nothing was published'])
  t.end()
})

t.test('a night that could not begin removes nothing; one that could not sign keeps its release', t => {
  for (const code of [2, 3]) t.same(night(t.testdir({}), { build: code }).commands, ['keys', 'build'])
  t.match(night(t.testdir({}), { sign: 3 }).calls.at(-1), 'clean --releases --appliance ciab --keep release')
  t.end()
})

t.test('a key of no use ends the night before it builds', t => {
  const { status, commands, lines } = night(t.testdir({}), { keys: 3 })
  t.same([status, commands, lines], [3, ['keys'], ['nightly: keys', 'nightly: keys ended with exit code 3; nothing was published']])
  t.end()
})

t.test('who interrupts a night does not wait for a clean', t => {
  const { status, commands, lines } = night(t.testdir({}), { build: 130 })
  t.same([status, commands, lines.at(-1)], [130, ['keys', 'build'], 'nightly: build ended with exit code 130; nothing was published'])
  t.end()
})

t.test('only before the publish it is sure that nothing was published', t => {
  t.equal(night(t.testdir({}), { sign: 3 }).lines.at(-1), 'nightly: sign ended with exit code 3; nothing was published')
  for (const code of [5, 6, 130]) {
    const { status, stdout, lines } = night(t.testdir({}), { publish: code })
    t.same([status, stdout], [code, ''])
    t.equal(lines.at(-1), `nightly: publish ended with exit code ${code}; what readers of nightly get changed only if that is said above; the same command goes on`)
  }
  t.equal(night(t.testdir({}), { prune: 6 }).lines.at(-1), 'nightly: prune ended with exit code 6; the release is published')
  t.end()
})
