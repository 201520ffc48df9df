/** Checks of targets: all are made, and every fault is told at once; QEMU's answers are real where a sound or cut image gives them. */
import t from 'tap'
import { chmodSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import {
  checkByTool, checkContent, checkShellScript, checkStructure, checkText, joinVerdicts, lastLine, notCompared, runChecks,
} from '../../pipeline/targets/target-checks.js'
import type { Check } from '../../pipeline/targets/target-checks.js'
import type { TargetDeps, VerifyInput } from '../../pipeline/targets/types.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import type { FakeAnswer } from '../fixtures/fake-run.js'
import { makeLetteredDisk } from '../fixtures/lettered-disk.js'
import { options, realDeps, signal, sourceDateEpoch, spec, version } from '../fixtures/target-contract.js'

const inputOf = (directory: string): VerifyInput => ({ spec, version, sourceDateEpoch, options, directory, signal })
const answering = (...answers: readonly FakeAnswer[]): TargetDeps => ({ ...realDeps, run: fakeRun(answers).run })
const planned = (...names: readonly string[]) => names.map(name => ({ name, mediaType: 'text/plain', estimatedBytes: 1 }))
const right: Check = async () => ({ found: 'right' })

const disk = makeLetteredDisk(t.testdir({}))
const image = { path: await disk.convert('disk.qcow2', '-O', 'qcow2'), format: 'qcow2' }
const checked = { file: 'disk.qcow2', image }

t.test('tells what each check found, the presence of the files first', async t => {
  const directory = t.testdir({ a: '', folder: { b: '' } })
  const passed = await runChecks('kvm', { planned: planned('a', 'folder/b'), checks: { one: right, two: right } }, [inputOf(directory), realDeps])
  t.strictSame(passed, [
    { name: 'all files are there', found: 'a, folder/b' }, { name: 'one', found: 'right' }, { name: 'two', found: 'right' },
  ])
})

t.test('what could not be looked at is told as that, alone or beside what was found', async t => {
  const skipped = 'not compared: the golden disk is not on this host'
  const checks: Readonly<Record<string, Check>> = { one: async () => notCompared, two: async () => joinVerdicts('a', [{ found: 'sound' }, notCompared]) }
  t.strictSame(await runChecks('kvm', { planned: [], checks }, [inputOf(t.testdir({})), realDeps]), [
    { name: 'all files are there', found: '' }, { name: 'one', skipped },
    { name: 'two', found: 'sound' }, { name: 'two: content equal to the golden disk', skipped },
  ])
  t.strictSame(joinVerdicts('a', [{ found: 'sound' }, notCompared, { file: 'b', problems: ['is wrong'] }]), { file: 'a', problems: ['is wrong'] })
  t.strictSame(joinVerdicts('a', [{ found: 'sound' }, { found: 'equal' }]), { found: 'sound; equal' })
})

t.test('makes all checks whatever they find, and tells every fault at once', async t => {
  const checks: Readonly<Record<string, Check>> = {
    one: async () => ({ file: 'a', problems: ['is wrong', 'is worse'] }),
    two: right,
    three: async () => ({ file: 'b', problems: ['is damaged'] }),
  }
  const error = await failureOf(runChecks('kvm', { planned: [], checks }, [inputOf(t.testdir({})), realDeps]))
  const hint = '(Export it again: pipeline build --target kvm)'
  t.equal(formatError(error), `error: 3 problems:\n  kvm/a is wrong. ${hint}\n  kvm/a is worse. ${hint}\n  kvm/b is damaged. ${hint}`)
  t.equal(error.exitCode, 5)
})

t.test('looks at nothing else when a file is missing', async t => {
  const never: Check = () => Promise.reject(new Error('nothing can be looked at'))
  const error = await failureOf(runChecks('kvm', { planned: planned('a', 'b'), checks: { never } }, [inputOf(t.testdir({ a: '' })), realDeps]))
  t.equal(formatError(error), 'error: kvm/b is missing. (Export it again: pipeline build --target kvm)')
})

t.test('a sound image has its clusters counted', async t => {
  t.match(await checkStructure('kvm', checked, realDeps), { found: /^qemu-img check finds no fault in [1-9][0-9]* clusters$/ })
})

t.test('an image that QEMU cannot open is told in its own words', async t => {
  writeFileSync(join(t.testdir({}), 'noise'), 'QFI')
  const noise = { file: 'noise', image: { path: join(t.testdirName, 'noise'), format: 'qcow2' } }
  t.match(await checkStructure('kvm', noise, realDeps), { file: 'noise', problems: [/^cannot be checked: qemu-img: Could not open .*[^.]$/] })
})

t.test('corruptions, leaks and unreadable parts are each told (as qemu-img counts them)', async t => {
  const answer = (stdout: object, exitCode: number) => answering({ on: /^qemu-img check /, stdout: JSON.stringify(stdout), exitCode })
  const damage = (counts: string) => ({ file: 'disk.qcow2', problems: [`is damaged: ${counts}`] })
  t.strictSame(await checkStructure('kvm', checked, answer({ 'check-errors': 0, corruptions: 2 }, 2)), damage('2 corruptions, 0 leaks, 0 unreadable parts'))
  t.strictSame(await checkStructure('kvm', checked, answer({ 'check-errors': 0, leaks: 1 }, 3)), damage('0 corruptions, 1 leaks, 0 unreadable parts'))
  t.strictSame(await checkStructure('kvm', checked, answer({ 'check-errors': 3 }, 0)), damage('0 corruptions, 0 leaks, 3 unreadable parts'))
})

t.test('an image is compared with the golden disk, where there is one', async t => {
  const input = inputOf(t.testdir({}))
  const goldenDisk = { path: disk.raw, format: 'raw' } as const
  t.equal(await checkContent('kvm', checked, [input, realDeps]), notCompared)
  t.strictSame(await checkContent('kvm', checked, [{ ...input, goldenDisk }, realDeps]), { found: 'qemu-img compare: identical' })
  const other = join(t.testdirName, 'other')
  writeFileSync(other, 'x')
  truncateSync(other, 2 * 1024 * 1024)
  t.strictSame(await checkContent('kvm', checked, [{ ...input, goldenDisk: { path: other, format: 'raw' } }, realDeps]), {
    file: 'disk.qcow2', problems: ['does not hold what the golden disk holds: Content mismatch at offset 0'],
  })
  const gone = { path: join(t.testdirName, 'gone'), format: 'raw' } as const
  t.match(await checkContent('kvm', checked, [{ ...input, goldenDisk: gone }, realDeps]), {
    file: 'disk.qcow2', problems: [/^cannot be compared with the golden disk: qemu-img: Could not open .*No such file or directory$/],
  })
})

t.test('a disk that is longer or shorter than the golden disk is no copy of it, though all else is zeros', async t => {
  const directory = t.testdir({})
  const raw = (name: string, bytes: number) => {
    const path = join(directory, name)
    writeFileSync(path, 'x')
    truncateSync(path, bytes)
    return { path, format: 'raw' } as const
  }
  const longer = join(directory, 'longer.vmdk')
  await realDeps.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=monolithicSparse', raw('a', 80 << 20).path, longer])
  const verdict = async (golden: number) =>
    await checkContent('kvm', { file: 'longer.vmdk', image: { path: longer, format: 'vmdk' } }, [
      { ...inputOf(directory), goldenDisk: raw('golden', golden) }, realDeps,
    ])
  const problem = (bytes: number) => ({ file: 'longer.vmdk', problems: [`shows the guest 83886080 bytes, and the golden disk has ${bytes}`] })
  t.strictSame(await verdict(64 << 20), problem(64 << 20))
  t.strictSame(await verdict(96 << 20), problem(96 << 20))
  t.strictSame(await verdict((80 << 20) - 100), { found: 'qemu-img compare: identical' }, 'whole sectors')
})

t.test("a validator's last line is the fault, be it on either stream", async t => {
  const tool = { command: ['sh', '-c', 'true'], file: 'a.xml', found: 'valid' } as const
  const script = (text: string) => ({ ...tool, command: ['sh', '-c', text] as const })
  t.strictSame(await checkByTool('kvm', tool, realDeps), { found: 'valid' })
  t.strictSame(await checkByTool('kvm', script('echo noise; echo "line 3: bad." >&2; exit 125'), realDeps), { file: 'a.xml', problems: ['is refused by sh: line 3: bad'] })
  t.strictSame(await checkByTool('kvm', script('echo "line 4: bad!"; exit 1'), realDeps), { file: 'a.xml', problems: ['is refused by sh: line 4: bad'] })
  t.strictSame(await checkByTool('kvm', { ...script('test "$WORD" = x'), env: { WORD: 'x' } }, realDeps), { found: 'valid' })
  t.equal((await failureOf(checkByTool('kvm', script('exit 127'), realDeps))).code, 'tool-failed', 'a tool that did not run is no verdict')
})

t.test('a script is executable, and a shell reads it', async t => {
  const directory = t.testdir({ 'start.sh': 'echo "$1"\n' })
  const check = () => checkShellScript('kvm', 'start.sh', [inputOf(directory), realDeps])
  t.strictSame(await check(), { file: 'start.sh', problems: ['is not executable'] })
  chmodSync(join(directory, 'start.sh'), 0o755)
  t.strictSame(await check(), { found: 'executable, sh reads it' })
  writeFileSync(join(directory, 'start.sh'), 'if true; then\n')
  t.match(await check(), { file: 'start.sh', problems: [/^is no shell script: .*: Syntax error: .*end of file/i] })
})

t.test('a text says something', async t => {
  const input = inputOf(t.testdir({ text: 'one\ntwo\n', blank: ' \n\n' }))
  t.strictSame(await checkText('text', input), { found: '2 lines' })
  t.strictSame(await checkText('blank', input), { file: 'blank', problems: ['is empty'] })
})

t.test('the last line is without blanks and its stop', async t => {
  const table = { '': '', 'a.\nb.\n\n': 'b', 'no!': 'no', 'v1.2': 'v1.2' }
  for (const [text, line] of Object.entries(table)) t.equal(lastLine(text), line, JSON.stringify(text))
})

t.test('the last line is the one that says something', async t => {
  t.equal(lastLine('first\nwarning: 5 extra bytes.\n  (attempting to process anyway)\n'), 'warning: 5 extra bytes')
  t.equal(lastLine('(nothing else)\n'), '(nothing else)')
  t.equal(lastLine(''), '')
})
