// Checks the types, runs the unit tests, then the integration tests on one built image, and counts them.
//   node ci/test.js          what CI runs on every change
//   node ci/test.js --full   everything (nightly)
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const full = process.argv.slice(2).includes('--full')
const unknown = process.argv.slice(2).filter(word => word !== '--full')
if (unknown.length > 0) {
  console.error(`error: Unknown argument "${unknown[0]}". (ci/quickstart test [--full])`)
  process.exit(2)
}

// Holds gigabytes, so it lies beside the store and not in /tmp; the integration tests share what is built in it.
mkdirSync(join(root, '.pipeline'), { recursive: true })
const work = mkdtempSync(join(root, '.pipeline/test-'))
process.on('exit', () => {
  stopS3Server()
  rmSync(work, { recursive: true, force: true })
})
/** The tap that runs now. It ends its tests, and those what they have started, before the folder is removed. */
let running
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    if (!running) process.exit(130)
    running.once('close', () => process.exit(130))
    running.kill(signal)
  })
}
const total = { passed: 0, failed: [] }

/** The integration tests share one; the first that needs it starts it and notes its folder (test/fixtures/s3-server.ts). */
function stopS3Server() {
  const note = join(work, 's3-server')
  if (!existsSync(note)) return
  const folder = readFileSync(note, 'utf8')
  spawnSync(join(root, 'ci/s3-server'), ['stop', folder], { stdio: 'ignore' })
  rmSync(dirname(folder), { recursive: true, force: true })
}

/** Runs tap on some files; a run that fails without naming a failed test counts as one failure. */
async function tap(name, files, args) {
  if (files.length === 0) return
  const output = join(work, `${name}.tap`)
  const bin = join(root, 'node_modules/.bin/tap')
  running = spawn(bin, ['run', '--disable-coverage', `--output-file=${output}`, ...args, ...files], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, PIPELINE_TEST_WORK: work },
  })
  const status = await new Promise(resolve => running.on('close', resolve))
  running = undefined
  const { passed, failed } = count(existsSync(output) ? readFileSync(output, 'utf8') : '')
  total.passed += passed
  total.failed.push(...failed)
  if (failed.length === 0 && status !== 0) total.failed.push(`${name}: tap ended with ${status} and named no test`)
}

/** tap makes itself from the plugins that package.json asks for, but only for the run after; the first one would read the tests twice. */
function buildTap() {
  spawnSync(join(root, 'node_modules/.bin/tap'), ['build'], { cwd: root, stdio: 'inherit' })
}

/** What runs the tests drops their types unread. */
function checkTypes() {
  const { status } = spawnSync(join(root, 'node_modules/.bin/tsc'), ['--noEmit', '--project', root], { stdio: 'inherit' })
  if (status === 0) total.passed++
  else total.failed.push('types: tsc found errors')
}

/** Tests are the TAP lines one level below the files; the comment of a file stands before its tests. */
function count(text) {
  const found = { passed: 0, failed: [] }
  let file = ''
  for (const line of text.split('\n')) {
    file = /^# Subtest: (.*)/.exec(line)?.[1] ?? file
    if (/^ {4}ok \d/.test(line) && !/# SKIP/i.test(line)) found.passed++
    const failed = /^ {4}not ok \d+ - (.*?)( # time=.*)?$/.exec(line)?.[1]
    if (failed !== undefined) found.failed.push(`${file}: ${failed}`)
    // A file can fail where no test of it did: it was out of time, or threw before its first one.
    const ended = /^not ok \d+ - (.*?)( # time=.*)?$/.exec(line)?.[1]
    if (ended !== undefined && !found.failed.some(test => test.startsWith(`${ended}: `))) {
      found.failed.push(`${ended}: outside of its tests`)
    }
  }
  return found
}

function testsBelow(directory) {
  return readdirSync(join(root, directory), { recursive: true })
    .map(name => join(directory, name))
    .filter(name => name.endsWith('.test.ts'))
    .sort()
}

/** It builds from an empty store, with its mirror between; the others find its image there. By itself: tap sorts its files. */
const first = 'test/integration/main-job.test.ts'
const integration = testsBelow('test/integration').filter(name => name !== first && (full || !name.includes('/full/')))
const unit = testsBelow('test').filter(name => !name.startsWith('test/integration/'))
// Most take a second; the writers of disk images and whole first boots take longer on a busy machine.
// Of few processors tap leaves one idle; of two that is half.
const jobs = availableParallelism() <= 4 ? [`--jobs=${availableParallelism()}`] : []
buildTap()
checkTypes()
await tap('unit', unit, ['--timeout=600', ...jobs])
await tap('main-job', [first], ['--timeout=0'])
await tap('integration', integration, ['--timeout=0', '--jobs=1'])
// Hours of output stand above: whoever reads only its end still sees what to look for.
for (const test of total.failed) console.log(`FAILED ${test}`)
console.log(`${total.passed} passed, ${total.failed.length} failed`)
process.exit(total.failed.length === 0 ? 0 : 1)
