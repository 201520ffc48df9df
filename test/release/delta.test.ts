/** A delta takes from an older copy what that holds, and never trusts it. Real disks, made by qemu-img. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { copyFileSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { deltaSource } from '../../pipeline/release/delta.js'
import { buildChunkIndex } from '../../pipeline/tools/chunk-index.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { createHttp } from '../../pipeline/tools/http.js'
import { block, fetchWith, run, signal, textBlocks } from '../fixtures/delta-fetch.js'

const oldBlocks = [...textBlocks(700, 1), ...Array.from({ length: 200 }, () => randomBytes(block))]

/** The same content behind 20 blocks that are new: nothing lies where it lay. */
const movedBlocks = [...textBlocks(20, 2), ...oldBlocks]

function disk(directory: string, name: string, blocks: readonly Buffer[], options: readonly string[]): string {
  const [raw, made] = [join(directory, `${name}.img`), join(directory, name)]
  writeFileSync(raw, Buffer.concat(blocks))
  execFileSync('qemu-img', ['convert', '-f', 'raw', ...options, raw, made])
  return made
}

const qcow2 = ['-c', '-O', 'qcow2', '-o', 'compat=1.1,compression_type=zlib,cluster_size=65536']
const vmdk = ['-O', 'vmdk', '-o', 'subformat=streamOptimized']

const folders = { served: {}, out: {} }

t.test('an equal copy costs nothing', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', oldBlocks, qcow2)
  copyFileSync(old, join(directory, 'served/new'))
  t.equal((await fetchWith(directory, 'new', [old])).receivedBytes, 0)
})

t.test('pieces one after the other have one buffer: what is shared with a thread is collected late', async t => {
  const directory = t.testdir(folders)
  const path = join(directory, 'old')
  writeFileSync(path, randomBytes(13 * 1024 * 1024))
  const handle = await open(path)
  const index = await buildChunkIndex(handle)
  await handle.close()
  const http = createHttp({ signal, patience: { stallMs: 2000, giveUpMs: 2000 } })
  t.teardown(() => http.close())
  const file = { url: 'http://127.0.0.1:1/new', path: join(directory, 'out/new'), sizeBytes: index.sizeBytes, sha256: '' }
  const source = await deltaSource({ file, index, older: [path], run }, { http, signal, connections: 1, progress: () => {} })
  t.teardown(() => source.close?.())
  const buffers = new Set<ArrayBufferLike>()
  for (const piece of source.pieces) {
    const bytes = await piece.load(signal)
    buffers.add(bytes.buffer)
    piece.done?.(bytes)
  }
  t.ok(source.pieces.length > 2)
  t.equal(buffers.size, 1)
})

t.test('content that has moved on the disk is found, and compressed again', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', oldBlocks, qcow2)
  const served = disk(join(directory, 'served'), 'new', movedBlocks, qcow2)
  const { path, receivedBytes, lines } = await fetchWith(directory, 'new', [old])
  t.same(readFileSync(path), readFileSync(served))
  t.ok(receivedBytes < 0.1 * statSync(served).size, `${receivedBytes} of ${statSync(served).size} bytes`)
  t.same(lines, [])
  t.same(readdirSync(join(directory, 'out')), ['new'], 'nothing is left beside it')
})

t.test('a copy for another hypervisor helps as well', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', oldBlocks, vmdk)
  const served = disk(join(directory, 'served'), 'new', movedBlocks, qcow2)
  const { path, receivedBytes } = await fetchWith(directory, 'new', [old])
  t.same(readFileSync(path), readFileSync(served))
  t.ok(receivedBytes < 0.1 * statSync(served).size, `${receivedBytes} of ${statSync(served).size} bytes`)
})

t.test('a raw disk costs the blocks that are new', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', oldBlocks, qcow2)
  const served = join(directory, 'served/new')
  writeFileSync(served, Buffer.concat(movedBlocks))
  const { path, receivedBytes } = await fetchWith(directory, 'new', [old])
  t.same(readFileSync(path), readFileSync(served))
  t.equal(receivedBytes, 20 * block)
})

/** A raw disk of two pieces and one of which every so many-th block is another. */
function scattered(directory: string, every: number) {
  const blocks = Array.from({ length: 2048 }, () => randomBytes(block))
  const changed = blocks.map((each, at) => (at % every === 0 ? randomBytes(block) : each))
  const [old, served] = [join(directory, 'old'), join(directory, 'served/new')]
  writeFileSync(old, Buffer.concat(blocks))
  writeFileSync(served, Buffer.concat(changed))
  return { old, served, changedBytes: Math.ceil(blocks.length / every) * block }
}

t.test('many ranges share the connections that were asked for', async t => {
  const warnings: string[] = []
  const onWarning = ({ name }: Error) => void warnings.push(name)
  process.on('warning', onWarning)
  t.teardown(() => process.off('warning', onWarning))
  const directory = t.testdir(folders)
  const { old, served, changedBytes } = scattered(directory, 12)
  for (const connections of [1, 4, 16]) {
    const { path, receivedBytes, mostConnections } = await fetchWith(directory, 'new', [old], { connections })
    t.ok(readFileSync(path).equals(readFileSync(served)))
    t.equal(receivedBytes, changedBytes, 'nothing but what changed')
    t.equal(mostConnections, connections)
    rmSync(path)
  }
  t.same(warnings, [])
})

t.test('an older copy that has nothing in common costs the whole file, and no more', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', textBlocks(300, 7), qcow2)
  const served = disk(join(directory, 'served'), 'new', Array.from({ length: 300 }, () => randomBytes(block)), qcow2)
  const { path, receivedBytes } = await fetchWith(directory, 'new', [old])
  t.same(readFileSync(path), readFileSync(served))
  t.ok(receivedBytes <= statSync(served).size)
})

t.test('without qemu-img more is downloaded, and that is said', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', oldBlocks, qcow2)
  const served = disk(join(directory, 'served'), 'new', movedBlocks, qcow2)
  const bare = createRun({ signal, parentEnv: { PATH: '/nowhere' } })
  const { path, receivedBytes, lines } = await fetchWith(directory, 'new', [old], {
    run: (command, options) => bare(['/nowhere/qemu-img', ...command.slice(1)], options),
  })
  t.same(readFileSync(path), readFileSync(served))
  t.ok(receivedBytes < statSync(served).size)
  t.same(lines, ['more is downloaded than would be needed: Could not find "/nowhere/qemu-img", needed to make a delta of a qcow2.'])
})

t.test('an older copy that changes under the download is not trusted', async t => {
  const directory = t.testdir(folders)
  const old = disk(directory, 'old', oldBlocks, qcow2)
  const served = disk(join(directory, 'served'), 'new', movedBlocks, qcow2)
  const changing: typeof run = async (command, options) => {
    const result = await run(command, options)
    writeFileSync(old, randomBytes(statSync(old).size))
    return result
  }
  const { path } = await fetchWith(directory, 'new', [old], { run: changing })
  t.same(readFileSync(path), readFileSync(served))
})
