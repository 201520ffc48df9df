/**
 * ci/nightly against a real S3 server. In one test nothing is played; in the others a stand-in for the build lays out a small
 * release, and every other step is the real one.
 */
import t from 'tap'
import { execFile, execFileSync, spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { sha256File } from '../../pipeline/tools/checksum.js'
import { artifactOf, builtImage, sharedPlaces } from '../fixtures/built-image.js'
import { startFaultProxy } from '../fixtures/fault-proxy.js'
import { makeSshKey } from '../fixtures/keys.js'
import { repository, runMain } from '../fixtures/main-run.js'
import { makePublicBucket } from '../fixtures/public-bucket.js'
import { makeRelease } from '../fixtures/release.js'
import { startS3Server } from '../fixtures/s3-server.js'

const server = await startS3Server()
t.teardown(() => server.close())
Object.assign(process.env, server.env)
await makePublicBucket(server.url, 'night-images')
const proxy = await startFaultProxy(server.url)
t.teardown(() => proxy.close())

const directory = t.testdir({})
/** Of the nights, which clean up there. */
const artifacts = join(directory, 'artifacts')
const key = makeSshKey(join(directory, 'key'))
const script = join(repository, 'ci/nightly')

interface Night {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The program for PIPELINE: `build` prints the release's folder or ends with this code, all else is dist/cli.js. */
function pipelineWith(name: string, build: string): string {
  const file = join(directory, name)
  writeFileSync(file, `#!/bin/sh\nif [ "$1" = build ]; then ${build}; exit; fi\nexec '${process.execPath}' '${join(repository, 'dist/cli.js')}' "$@"\n`)
  chmodSync(file, 0o755)
  return file
}

function nightArguments(prefix: string): readonly string[] {
  return ['--to', `s3://night-images/${prefix}`, '--sign-key', key, '--endpoint', proxy.url, '--store', join(directory, 'state'), '--artifacts', artifacts, '--keep', '1']
}

function night(prefix: string, pipeline: string): Promise<Night> {
  return runNight(nightArguments(prefix), { PIPELINE: pipeline })
}

function runNight(args: readonly string[], env: Readonly<Record<string, string>>): Promise<Night> {
  return new Promise(resolve => {
    execFile(script, args, { env: { ...process.env, ...env } }, (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code ?? NaN) : 0, stdout, stderr })
    )
  })
}

async function status(path: string): Promise<number> {
  const response = await fetch(`${server.url}/night-images/${path}`)
  await response.arrayBuffer()
  return response.status
}

const reader = (prefix: string, ...more: string[]) =>
  runMain(['fetch', 'ciab', '--from', `${server.url}/night-images/${prefix}`, '--channel', 'nightly', '--key', `${key}.pub`, '--output', join(directory, 'out'), '--store', join(directory, 'reader'), ...more])

/** What S3 answers of an object that is not there to those who may read and not list. */
const notThere = 403
const small = { kvm: { 'ciab.qcow2': 300_000, 'start.sh': '#!/bin/sh\n' } }

t.test('a night builds, signs, publishes and deletes old nightlies, here, too; its stdout is the address', async t => {
  for (const version of ['1.0.0+1', '1.0.0+2']) {
    const release = await makeRelease(artifacts, { version, files: small })
    const { code, stdout, stderr } = await night('good', pipelineWith('good', `echo '${release}'`))
    t.same([code, stdout], [0, `${proxy.url}/night-images/good/ciab/${encodeURIComponent(version)}/index.json\n`], stderr)
    t.equal(await status(stdout.trim().slice(`${proxy.url}/night-images/`.length)), 200, 'there is something at that address')
  }
  const { code, stderr } = await reader('good')
  t.equal(code, 0, stderr)
  t.ok(existsSync(join(directory, 'out/ciab-1.0.0+2/kvm/ciab.qcow2')))
  t.equal(await status('good/ciab/1.0.0%2B1/index.json'), notThere, 'the oldest is gone')
  t.equal(await status('good/index.html'), 200)
  t.same(readdirSync(artifacts), ['ciab-1.0.0+2'])
})

t.test('a night whose verification fails publishes nothing and ends with 5', async t => {
  const { code, stdout, stderr } = await night('failed', pipelineWith('failed', 'echo "verify failed" >&2; exit 5'))
  t.same([code, stdout], [5, ''])
  t.match(stderr, 'nightly: build ended with exit code 5; nothing was published\n')
  t.equal(await status('failed/ciab/channels/nightly.json'), notThere)
})

t.test('a release whose report did not pass is refused by publish, whatever the build has said', async t => {
  const release = await makeRelease(artifacts, { version: '2.0.0', files: small, verified: false })
  const { code, stdout, stderr } = await night('refused', pipelineWith('refused', `echo '${release}'`))
  t.same([code, stdout], [6, ''])
  t.match(stderr, 'nightly: publish ended with exit code 6; what readers of nightly get changed only if that is said above; the same command goes on\n')
  t.notMatch(stderr, 'readers of nightly get 2.0.0')
  t.equal(await status('refused/ciab/2.0.0/index.json'), notThere)
})

t.test('a night that is killed in the middle of its upload shows nothing, and the same command ends it', async t => {
  const release = await makeRelease(artifacts, { version: '3.0.0', files: { kvm: { 'ciab.qcow2': 24 * 1024 * 1024 } } })
  const pipeline = pipelineWith('killed', `echo '${release}'`)
  const child = spawn(script, nightArguments('killed'), { env: { ...process.env, PIPELINE: pipeline }, stdio: 'ignore', detached: true })
  const ended = new Promise(resolve => child.once('close', resolve))
  const rule = proxy.fault({ method: 'PUT', path: /partNumber=2/, times: 1 }, { kind: 'call', run: () => void process.kill(-(child.pid ?? 0), 'SIGKILL') })
  await ended
  t.equal(rule.hits, 1)
  t.equal(await status('killed/ciab/channels/nightly.json'), notThere)
  const { code, stderr } = await night('killed', pipeline)
  t.equal(code, 0, stderr)
  const fetched = await reader('killed')
  t.equal(fetched.code, 0, fetched.stderr)
})

t.test('what is mistyped or missing is told before anything is built', async t => {
  const run = (...args: string[]) => new Promise(resolve => execFile(script, args, { env: { ...process.env, PIPELINE: '/nowhere' } }, (error, stdout, stderr) => resolve([error?.code, stdout, stderr.split('\n')[0]])))
  t.same(await run(), [2, '', 'error: Where to publish is missing: --to s3://BUCKET/PREFIX.'])
  t.same(await run('--too', 's3://x'), [2, '', 'error: Unknown argument "--too".'])
  t.same(await run('--to'), [2, '', 'error: --to needs a value, or is not known.'])
})

t.test('no secret is on a command line or in what a night says', async t => {
  const release = await makeRelease(artifacts, { version: '4.0.0', files: small })
  const said = await night('secret', pipelineWith('secret', `echo '${release}'`))
  t.equal(said.code, 0, said.stderr)
  t.notMatch(said.stderr + said.stdout, /demosecret|PRIVATE KEY/)
})

t.test('a night of the real image: found in the store, signed, published, and it comes back whole', async t => {
  const places = sharedPlaces(t)
  const { release } = await builtImage(places)
  const folder = join(places.work, 'night')
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // Signing adds files to the release, and a night cleans up; others share both.
  mkdirSync(folder)
  for (const place of [places.artifacts, places.store]) execFileSync('cp', ['-al', place, folder])
  const { code, stdout, stderr } = await runNight([
    '--to', 's3://night-images/real', '--target', 'kvm', '--sign-key', key, '--endpoint', server.url,
    '--store', join(folder, basename(places.store)), '--artifacts', join(folder, basename(places.artifacts)),
  ], {})
  t.equal(code, 0, stderr)
  t.match(stdout, /^http:\/\/127\.0\.0\.1:\d+\/night-images\/real\/ciab\/\S+\/index\.json\n$/)
  t.match(stderr, /^nightly: keys\nsign: can sign with ssh\nnightly: build\nmedia: stored\n[\s\S]*verify: stored\nnightly: sign\n[\s\S]*nightly: publish\n[\s\S]*nightly: prune\n[\s\S]*nightly: clean: freed /)
  const fetched = await reader('real')
  t.equal(fetched.code, 0, fetched.stderr)
  const disk = artifactOf(release, 'kvm', '.qcow2')
  t.equal(await sha256File(join(directory, 'out', basename(release), 'kvm', basename(disk))), await sha256File(disk))
})
