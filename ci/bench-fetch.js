#!/usr/bin/env node
// Measures downloads against a real S3 server on this host: JSON to stdout, progress to stderr. It judges nothing.
//   ci/bench fetch [--mib 1024] [--runs 3]            fetch and rclone copy of one release, in turns
//   ci/bench fetch --nightlies OLD.qcow2 NEW.qcow2    besides: what the delta between two builds costs, and why
// Memory is VmHWM of the fetching process, its peak. The server shares the processors with what is measured.
import { spawn, spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { CreateBucketCommand, PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'

const root = fileURLToPath(new URL('..', import.meta.url))
const cli = join(root, 'dist/cli.js')
const mib = 1024 * 1024
const bucket = 'bench'
const say = text => void process.stderr.write(`bench: ${text}\n`)
const seconds = milliseconds => Math.round(milliseconds / 10) / 100
const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
const dist = path => import(pathToFileURL(join(root, 'dist', path)).href)

function freePort() {
  return new Promise(resolve => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** A bucket that everyone may read, on a server of its own. */
async function startServer(work) {
  const folder = join(work, 's3')
  const { status } = spawnSync(join(root, 'ci/s3-server'), ['start', folder, String(await freePort()), String(await freePort())], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) process.exit(3)
  process.on('exit', () => spawnSync(join(root, 'ci/s3-server'), ['stop', folder]))
  const endpoint = `http://127.0.0.1:${/endpoint=127\.0\.0\.1:(\d+)/.exec(readFileSync(join(folder, 'ceph.conf'), 'utf8'))?.[1]}`
  const credentials = { accessKeyId: 'demo', secretAccessKey: 'demosecret' }
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, requestChecksumCalculation: 'WHEN_REQUIRED' })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const statement = { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${bucket}/*`] }
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) }))
  client.destroy()
  return endpoint
}

/** As verify leaves it; the disk is whatever `fill` writes. */
async function makeRelease(work, version, fill) {
  const { describeFiles, writeManifest, writeSums } = await dist('stages/release-folder.js')
  const { writeReport } = await dist('stages/verify-report.js')
  const folder = join(work, 'artifacts', `ciab-${version}`)
  mkdirSync(join(folder, 'kvm'), { recursive: true })
  fill(join(folder, 'kvm', 'disk.qcow2'))
  const files = await describeFiles(join(folder, 'kvm'), 'kvm')
  const tools = { packer: '1', qemu: '1', 'qemu-img': '1', mmdebstrap: '1', tar2sqfs: '1', e2fsprogs: '1' }
  const manifest = {
    formatVersion: 1, appliance: 'ciab', title: 'Bench', version, architecture: 'amd64', date: new Date(0).toISOString(), goldenKey: 'aa', specHash: 'bb',
    tools, packageSources: [], packages: ['base-files=13'], targets: { kvm: { key: 'cc', files } },
  }
  const digest = createHash('sha256').update(files.map(file => `${file.sha256} ${file.sizeBytes} ${file.path}\n`).join('')).digest('hex')
  await writeManifest(folder, manifest)
  await writeReport(folder, {
    formatVersion: 1, appliance: 'ciab', version, passed: true, acceleration: { kind: 'tcg', reason: 'bench', qemuVersion: '0', timeoutFactor: 1 },
    startedAt: new Date(0).toISOString(), durationMs: 0, verified: { kvm: digest },
    checks: [{ target: 'kvm', boot: 'bios', name: 'ready', status: 'passed', detail: 'bench', durationMs: 1 }],
  })
  await writeSums(folder, manifest)
  return folder
}

function randomFile(path, bytes) {
  const file = openSync(path, 'w')
  for (let left = bytes; left > 0; left -= mib) writeSync(file, randomBytes(Math.min(left, mib)))
  closeSync(file)
}

/** One program to its end: time and, for ours, peak of memory. */
function measure(command, args, env) {
  return new Promise(resolve => {
    const started = performance.now()
    const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let [peakBytes, stdout, stderr] = [0, '', '']
    child.stdout.on('data', text => (stdout += text))
    child.stderr.on('data', text => (stderr += text))
    const timer = setInterval(() => {
      try {
        peakBytes = Math.max(peakBytes, Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0) * 1024)
      } catch {
        // It has just ended.
      }
    }, 50)
    child.on('error', error => {
      say(`could not start ${command}: ${error.message}`)
      process.exit(3)
    })
    child.on('close', code => {
      clearInterval(timer)
      if (code !== 0) {
        say(`${command} ${args.join(' ')} ended with ${code}:\n${stderr.split('\n').slice(-10).join('\n')}`)
        process.exit(code ?? 1)
      }
      resolve({ milliseconds: performance.now() - started, peakMib: Math.round(peakBytes / mib), stdout, stderr })
    })
  })
}

async function publish(folder, context) {
  const { env, key, state } = context
  const options = ['--sign-key', key, '--store', state]
  await measure(process.execPath, [cli, 'sign', folder, ...options], env)
  const { milliseconds } = await measure(process.execPath, [cli, 'publish', folder, '--to', `s3://${bucket}`, '--channel', 'nightly', ...options], env)
  say(`published ${folder} in ${seconds(milliseconds)} s`)
}

const fetchArguments = ({ endpoint, key, work }, output, ...more) => [
  cli, 'fetch', 'ciab', '--from', `${endpoint}/${bucket}`, '--channel', 'nightly', '--key', `${key}.pub`, '--output', output, '--store', join(work, 'reader'), '--json', ...more,
]

async function whole(context, bytes, times) {
  const version = '1.0.0'
  await publish(await makeRelease(context.work, version, path => randomFile(path, bytes)), context)
  const runs = { fetch: [], rclone: [] }
  let peakMib = 0
  for (let n = 0; n < times; n += 1) {
    const output = join(context.work, 'out')
    const ran = await measure(process.execPath, fetchArguments(context, output, '--no-delta'), context.env)
    runs.fetch.push(seconds(ran.milliseconds))
    peakMib = Math.max(peakMib, ran.peakMib)
    rmSync(output, { recursive: true })
    const copied = await measure('rclone', ['copy', `:s3:${bucket}/ciab/${version}`, output], rcloneEnvironment(context))
    runs.rclone.push(seconds(copied.milliseconds))
    rmSync(output, { recursive: true })
    say(`fetch ${runs.fetch.at(-1)} s, rclone ${runs.rclone.at(-1)} s`)
  }
  const [ours, theirs] = [median(runs.fetch), median(runs.rclone)]
  return { mib: bytes / mib, fetch: { medianSeconds: ours, runs: runs.fetch, peakMib, limitPeakMib: 256 }, rclone: { medianSeconds: theirs, runs: runs.rclone }, ratio: Math.round((ours / theirs) * 1000) / 1000, limitRatio: 1 }
}

/** Its defaults, but for where the server is; a CA bundle in the environment breaks it. */
function rcloneEnvironment({ env, endpoint }) {
  const { AWS_CA_BUNDLE: _, ...rest } = env
  return { ...rest, RCLONE_S3_PROVIDER: 'Ceph', RCLONE_S3_ENDPOINT: endpoint, RCLONE_S3_ENV_AUTH: 'true', RCLONE_CONFIG: '/dev/null' }
}

async function delta(context, [older, newer]) {
  const output = join(context.work, 'nightlies')
  await publish(await makeRelease(context.work, '2.0.0', path => copyFileSync(older, path)), context)
  await measure(process.execPath, fetchArguments(context, output), context.env)
  await publish(await makeRelease(context.work, '2.0.1', path => copyFileSync(newer, path)), context)
  const ran = await measure(process.execPath, fetchArguments(context, output), context.env)
  const { receivedBytes } = JSON.parse(ran.stdout)
  const bytes = statSync(newer).size
  return { imageMib: Math.round(bytes / mib), receivedMib: Math.round((receivedBytes / mib) * 10) / 10, percent: Math.round((receivedBytes / bytes) * 1000) / 10, aimPercent: 15, seconds: seconds(ran.milliseconds), peakMib: ran.peakMib, cause: await causes(older, newer) }
}

/** Of the new image's bytes: those whose cluster is there, whose blocks are there in other places, that hold a new block. */
async function causes(older, newer) {
  const [{ buildChunkIndex }, { open }] = [await dist('tools/chunk-index.js'), await import('node:fs/promises')]
  const indexOf = async path => {
    const file = await open(path)
    const index = await buildChunkIndex(file)
    await file.close()
    return index
  }
  const [a, b] = [await indexOf(older), await indexOf(newer)]
  const digests = new Set(a.segments.map(segment => segment.digest))
  const blocks = new Set(a.blocks)
  const sums = { sameClusterBytes: 0, movedBlocksBytes: 0, newBlockBytes: 0, newContentBytes: 0 }
  for (const segment of b.segments) {
    const own = b.blocks.subarray(segment.firstBlock, segment.firstBlock + Math.ceil(segment.contentBytes / 4096))
    const fresh = own.filter(block => !blocks.has(block)).length
    sums.newContentBytes += fresh * 4096
    if (digests.has(segment.digest)) sums.sameClusterBytes += segment.lengthBytes
    else if (fresh === 0) sums.movedBlocksBytes += segment.lengthBytes
    else sums.newBlockBytes += segment.lengthBytes
  }
  return sums
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { mib: { type: 'string', default: '1024' }, runs: { type: 'string', default: '3' }, nightlies: { type: 'boolean' } } })
const work = mkdtempSync(join(tmpdir(), 'bench-fetch-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
const endpoint = await startServer(work)
const key = join(work, 'key')
spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
const env = { ...process.env, AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'demo', AWS_SECRET_ACCESS_KEY: 'demosecret', AWS_REGION: 'us-east-1' }
const context = { work, endpoint, key, env, state: join(work, 'state') }
const result = Number(values.mib) > 0 ? { whole: await whole(context, Number(values.mib) * mib, Number(values.runs)) } : {}
if (values.nightlies) Object.assign(result, { delta: await delta(context, positionals) })
process.stdout.write(`${JSON.stringify({ formatVersion: 1, ...result }, null, 2)}\n`)
process.exit(0)
