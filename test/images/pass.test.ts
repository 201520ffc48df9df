/** The pass: order, bounds, failures, and a golden disk that is touched while it is read. */
import t from 'tap'
import { appendFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { openGolden } from '../../pipeline/images/golden-source.js'
import { blockStarts, blocksInFlight, runPass } from '../../pipeline/images/pass.js'
import { blockBytes } from '../../pipeline/images/types.js'
import type { Block, ImageWriter } from '../../pipeline/images/types.js'
import { failureOf } from '../fixtures/failure.js'
import { mib, passOver, realRun, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'
import { sharedPool } from '../fixtures/shared-pool.js'

const signal = new AbortController().signal

/** A writer that only writes down what is called. */
function recorder(take: (block: Block) => void | Promise<void> = () => {}): ImageWriter & { readonly calls: string[] } {
  const calls: string[] = []
  const call = (name: string) => async () => void calls.push(name)
  return {
    calls,
    deflates: [],
    begin: call('begin'),
    take: async block => {
      calls.push(`take ${block.startBytes / blockBytes}`)
      await take(block)
    },
    finish: call('finish'),
    abort: call('abort'),
  }
}

t.test('a block is named once, however many extents touch it', async t => {
  const extents = [[0, 10], [20, 30], [blockBytes - 1, 2], [5 * blockBytes, blockBytes + 1]] as const
  const starts = [...blockStarts(extents.map(([startBytes, lengthBytes]) => ({ startBytes, lengthBytes })))]
  t.same(starts.map(start => start / blockBytes), [0, 1, 5, 6])
})

t.test('hands over the blocks that hold data, in order, with the grains that do', async t => {
  const disk = writePhonyDisk(t.testdir({}), { sizeBytes: 9 * mib + 512, noise: { [65536]: 65536, [3 * mib]: 1, [9 * mib]: 512 } })
  const seen: unknown[] = []
  const writer = recorder(({ grains, lengthBytes }) => void seen.push([grains, lengthBytes]))
  await passOver(disk, writer)
  t.same(writer.calls, ['begin', 'take 0', 'take 3', 'take 9', 'finish'])
  t.same(seen, [[[1], mib], [[0], mib], [[0], 512]])
})

t.test('a disk of holes begins and finishes its writers', async t => {
  const writer = recorder()
  await passOver(writePhonyDisk(t.testdir({}), { sizeBytes: 8 * mib, noise: {} }), writer)
  t.same(writer.calls, ['begin', 'finish'])
})

t.test('zeros that are written out count as holes', async t => {
  const disk = join(t.testdir({}), 'zeros.raw')
  writeFileSync(disk, Buffer.alloc(2 * mib))
  const writer = recorder()
  await passOver(disk, writer)
  t.same(writer.calls, ['begin', 'finish'])
})

t.test('no writer is more than so many blocks ahead of the slowest', async t => {
  const disk = writePhonyDisk(t.testdir({}), { sizeBytes: 40 * mib, noise: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [at * mib, 512])) })
  const done = { fast: 0, slow: 0 }
  let ahead = 0
  const fast = recorder(() => {
    done.fast += 1
    ahead = Math.max(ahead, done.fast - done.slow)
  })
  const slow = recorder(async () => {
    await new Promise(resolve => setTimeout(resolve, 2))
    done.slow += 1
  })
  await passOver(disk, fast, slow)
  t.same(done, { fast: 40, slow: 40 })
  t.ok(ahead <= blocksInFlight, `${ahead} ahead`)
})

t.test('the first failure aborts every writer', async t => {
  const disk = writePhonyDisk(t.testdir({}), { sizeBytes: 40 * mib, noise: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [at * mib, 512])) })
  const error = new Error('no more')
  const failing = recorder(block => {
    if (block.startBytes === 2 * mib) throw error
  })
  const other = recorder()
  await t.rejects(passOver(disk, failing, other), error)
  t.equal(failing.calls.at(-1), 'abort')
  t.equal(other.calls.at(-1), 'abort')
  t.notOk(other.calls.includes('finish'))
})

t.test('stops when it is told to, with the reason', async t => {
  const disk = writePhonyDisk(t.testdir({}), shapes['of noise only'] ?? { sizeBytes: 0, noise: {} })
  const controller = new AbortController()
  const reason = new Error('enough')
  const writer = recorder(() => controller.abort(reason))
  const source = await openGolden(disk, realRun)
  await t.rejects(runPass({ source, writers: [writer], pool: sharedPool, signal: controller.signal }), reason)
  await source.close()
  t.same(writer.calls, ['begin', 'take 0', 'abort'])
})

const touches: Readonly<Record<string, (path: string) => void>> = {
  'became shorter': path => truncateSync(path, mib),
  'became longer': path => appendFileSync(path, 'x'),
  'was replaced': path => {
    writeFileSync(`${path}.new`, Buffer.alloc(3 * mib))
    renameSync(`${path}.new`, path)
  },
  'was removed': path => rmSync(path),
  'was written to': path => utimesSync(path, 1, 1),
}

for (const [what, touch] of Object.entries(touches)) {
  t.test(`tells that the golden disk ${what} while it was read`, async t => {
    const disk = writePhonyDisk(t.testdir({}), { sizeBytes: 3 * mib, noise: { 0: 3 * mib } })
    let touched = false
    const writer = recorder(() => {
      if (!touched) touch(disk)
      touched = true
    })
    const error = await failureOf(passOver(disk, writer))
    const hint = 'leave the files of the store alone while a build runs; run the same command again'
    t.equal(formatError(error), `error: The golden disk ${disk} ${what} while it was exported. (${hint})`)
    t.equal(error.exitCode, 4)
    t.equal(writer.calls.at(-1), 'abort')
  })
}

t.test('a disk that ends in the middle of the pass is told at once', async t => {
  const disk = writePhonyDisk(t.testdir({}), { sizeBytes: 40 * mib, noise: { 0: 40 * mib } })
  const source = await openGolden(disk, realRun)
  truncateSync(disk, mib)
  const error = await failureOf(runPass({ source, writers: [recorder()], pool: sharedPool, signal }))
  await source.close()
  t.match(error.message, /became shorter while it was exported/)
})
