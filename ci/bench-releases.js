#!/usr/bin/env node
// Measures releases against a real S3 server on this host: JSON to stdout, progress to stderr. It judges nothing.
//   ci/bench publish [--mib 1024] [--runs 3]    publish, publish again and fetch, beside rclone copy, in turns
//   ci/bench delta OLD NEW                      what fetch loads of NEW where OLD is there, and why
// Each run has an empty server and an empty state of the pipeline; sign, which hashes and indexes the files, is told
// beside publish. Who comes first changes from run to run. Both sides read what they send from the page cache, and the server
// shares the processors with them. Memory is VmHWM of the pipeline's own process, its peak.
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { closeSync, copyFileSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { AbortMultipartUploadCommand, CreateBucketCommand, CreateMultipartUploadCommand, PutBucketPolicyCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { measure, median, mib, percent, ratio, say, seconds } from './bench-measure.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const cli = join(root, 'dist/cli.js')
const script = join(root, 'ci/s3-server')
const bucket = 'bench'
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
async function withServer(work, job) {
  const folder = join(work, 's3')
  const port = await freePort()
  const { status } = spawnSync(script, ['start', folder, String(port), String(await freePort())], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (status !== 0) process.exit(3)
  const stop = () => spawnSync(script, ['stop', folder])
  process.once('exit', stop)
  const endpoint = `http://127.0.0.1:${port}`
  await makeBucket(endpoint)
  const result = await job(endpoint)
  process.off('exit', stop)
  stop()
  rmSync(folder, { recursive: true })
  return result
}

async function makeBucket(endpoint) {
  const credentials = { accessKeyId: 'demo', secretAccessKey: 'demosecret' }
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, requestChecksumCalculation: 'WHEN_REQUIRED' })
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  const statement = { Effect: 'Allow', Principal: '*', Action: ['s3:GetObject'], Resource: [`arn:aws:s3:::${bucket}/*`] }
  await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }) }))
  // The server makes its pools at the first request of each kind, which takes seconds.
  await client.send(new PutObjectCommand({ Bucket: bucket, Key: 'warm', Body: 'x' }))
  const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key: 'warm' }))
  await client.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key: 'warm', UploadId }))
  client.destroy()
}

/** As verify leaves it; the disk is whatever `fill` writes. */
async function makeRelease(work, { version, name, fill }) {
  const { describeFiles, writeManifest, writeSums } = await dist('stages/release-folder.js')
  const { writeReport } = await dist('stages/verify-report.js')
  const folder = join(work, 'artifacts', `ciab-${version}`)
  mkdirSync(join(folder, 'kvm'), { recursive: true })
  fill(join(folder, 'kvm', name))
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

/** Random bytes: nothing on the way can make less of them. */
function randomFile(path, bytes) {
  const file = openSync(path, 'w')
  for (let left = bytes; left > 0; left -= mib) writeSync(file, randomBytes(Math.min(left, mib)))
  closeSync(file)
}

/** What one run works with. */
function contextOf(work, endpoint) {
  const key = join(work, 'key')
  rmSync(key, { force: true })
  rmSync(`${key}.pub`, { force: true })
  spawnSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  const env = { ...process.env, AWS_ENDPOINT_URL: endpoint, AWS_ACCESS_KEY_ID: 'demo', AWS_SECRET_ACCESS_KEY: 'demosecret', AWS_REGION: 'us-east-1' }
  rmSync(join(work, 'state'), { recursive: true, force: true })
  rmSync(join(work, 'reader'), { recursive: true, force: true })
  return { work, endpoint, env, own: ['--sign-key', key, '--store', join(work, 'state')], key }
}

const pipeline = ({ env }, ...args) => measure(process.execPath, [cli, ...args], { cwd: root, env })
const sign = (context, folder) => pipeline(context, 'sign', folder, ...context.own)
const publish = (context, folder) => pipeline(context, 'publish', folder, '--to', `s3://${bucket}`, '--channel', 'nightly', '--json', ...context.own)
const fetchTo = (context, output, ...more) => pipeline(context,
  'fetch', 'ciab', '--from', `${context.endpoint}/${bucket}`, '--channel', 'nightly', '--key', `${context.key}.pub`, '--output', output, '--store', join(context.work, 'reader'), '--json', ...more)

/** Its defaults, but for where the server is; a CA bundle in the environment breaks it. */
function rclone({ env, endpoint }, from, to) {
  const { AWS_CA_BUNDLE: _, ...rest } = env
  return measure('rclone', ['copy', from, to], { env: { ...rest, RCLONE_S3_PROVIDER: 'Ceph', RCLONE_S3_ENDPOINT: endpoint, RCLONE_S3_ENV_AUTH: 'true', RCLONE_CONFIG: '/dev/null' } })
}

/** One run both ways; `oursFirst` says who begins. */
async function both(oursFirst, ours, theirs) {
  if (oursFirst) return [await ours(), await theirs()]
  const second = await theirs()
  return [await ours(), second]
}

async function oneRun(context, folder, oursFirst) {
  const signed = await sign(context, folder)
  const remote = `:s3:${bucket}`
  const [up, upRclone] = await both(oursFirst, () => publish(context, folder), () => rclone(context, folder, `${remote}/rclone`))
  const again = await publish(context, folder)
  const output = join(context.work, 'out')
  const [down, downRclone] = await both(oursFirst,
    () => fetchTo(context, join(output, 'ours'), '--no-delta'), () => rclone(context, `${remote}/rclone`, join(output, 'rclone')))
  rmSync(output, { recursive: true })
  say(Object.entries({ sign: signed, publish: up, 'rclone up': upRclone, again, fetch: down, 'rclone down': downRclone })
    .map(([name, { milliseconds, peakMib }]) => `${name} ${seconds(milliseconds)} s (${peakMib} MiB)`).join(', '))
  return { signed, up, upRclone, again, down, downRclone }
}

async function publishSection(work, bytes, times) {
  const folder = await makeRelease(work, { version: '1.0.0', name: 'disk.qcow2', fill: path => randomFile(path, bytes) })
  const runs = []
  for (let n = 0; n < times; n += 1) runs.push(await withServer(work, endpoint => oneRun(contextOf(work, endpoint), folder, n % 2 === 0)))
  const secondsOf = name => runs.map(run => seconds(run[name].milliseconds))
  const against = (ours, theirs) => ({
    medianSeconds: median(secondsOf(ours)), runs: secondsOf(ours), rclone: { medianSeconds: median(secondsOf(theirs)), runs: secondsOf(theirs) },
    ratio: ratio(median(secondsOf(ours)), median(secondsOf(theirs))), limitRatio: 1,
    peakMib: Math.max(...runs.map(run => run[ours].peakMib)), limitPeakMib: 256,
  })
  return {
    mib: bytes / mib, sign: { medianSeconds: median(secondsOf('signed')) }, publish: against('up', 'upRclone'),
    again: { medianSeconds: median(secondsOf('again')), runs: secondsOf('again'), limitSeconds: 3 }, fetch: against('down', 'downRclone'),
  }
}

async function deltaSection(work, [older, newer]) {
  const copy = (version, path) => makeRelease(work, { version, name: basename(path), fill: to => copyFileSync(path, to) })
  return await withServer(work, async endpoint => {
    const context = contextOf(work, endpoint)
    const output = join(work, 'nightlies')
    for (const [version, path] of [['1.0.0', older], ['1.0.1', newer]]) {
      const folder = await copy(version, path)
      await sign(context, folder)
      await publish(context, folder)
      rmSync(folder, { recursive: true })
      const ran = await fetchTo(context, output)
      if (path === older) continue
      const { receivedBytes } = JSON.parse(ran.stdout)
      const bytes = statSync(newer).size
      return {
        imageMib: Math.round(bytes / mib), receivedMib: Math.round((receivedBytes / mib) * 10) / 10, percent: percent(receivedBytes, bytes), aimPercent: 15,
        seconds: seconds(ran.milliseconds), peakMib: ran.peakMib, cause: await causes(older, newer),
      }
    }
  })
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

function usage(problem) {
  process.stderr.write(`error: ${problem} (ci/bench publish [--mib NUMBER] [--runs NUMBER], or ci/bench delta OLD NEW)\n`)
  process.exit(2)
}

function readArguments() {
  try {
    const { values, positionals: [section, ...files] } = parseArgs({ allowPositionals: true, options: { mib: { type: 'string', default: '1024' }, runs: { type: 'string', default: '3' } } })
    const numbers = [values.mib, values.runs].map(Number)
    if (numbers.some(value => !(Number.isSafeInteger(value) && value > 0))) throw new TypeError('--mib and --runs need a whole number.')
    if (section === 'publish' && files.length === 0) return { section, files, numbers }
    if (section === 'delta' && files.length === 2) return { section, files, numbers }
    throw new TypeError('Name what to measure.')
  } catch (error) {
    return usage(error.message)
  }
}

const { section, files, numbers: [megabytes, times] } = readArguments()
// A socket's path has a limit of 107 bytes: nothing deeper than this.
const work = mkdtempSync(join(tmpdir(), 'bench-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130))
const result = section === 'publish' ? { publish: await publishSection(work, megabytes * mib, times) } : { delta: await deltaSection(work, files) }
process.stdout.write(`${JSON.stringify({ formatVersion: 1, ...result }, null, 2)}\n`)
process.exit(0)
