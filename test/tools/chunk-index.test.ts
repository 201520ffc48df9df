/** The chunk index tells what lies where in an artifact by its uncompressed content. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { buildChunkIndex, chunkCutter, chunkIndexFile, formatChunkIndex, parseChunkIndex } from '../../pipeline/tools/chunk-index.js'
import type { ChunkIndex } from '../../pipeline/tools/chunk-index.js'

const mib = 1024 * 1024

/** A MiB of text that compresses, and one that does not. */
function content(): Buffer {
  const words = Buffer.from(Array.from({ length: 200_000 }, (_, index) => `${index} `).join('')).subarray(0, mib)
  return Buffer.concat([words, randomBytes(mib), words.subarray(0, mib / 2)])
}

function convert(directory: string, options: readonly string[], name: string, data: Buffer): string {
  const [raw, made] = [join(directory, `${name}.raw`), join(directory, name)]
  writeFileSync(raw, data)
  execFileSync('qemu-img', ['convert', '-f', 'raw', ...options, raw, made])
  return made
}

async function indexOf(path: string): Promise<ChunkIndex> {
  const file = await open(path)
  try {
    return await buildChunkIndex(file)
  } finally {
    await file.close()
  }
}

const blocksOf = (index: ChunkIndex) => new Set(index.blocks)

for (const [name, options] of Object.entries({
  'compressed qcow2': ['-c', '-O', 'qcow2'],
  'streamOptimized vmdk': ['-O', 'vmdk', '-o', 'subformat=streamOptimized'],
})) {
  t.test(`finds the content of a ${name} without its compression`, async t => {
    const data = content()
    const path = convert(t.testdir({}), options, 'disk', data)
    const index = await indexOf(path)
    const raw = await indexOf(`${path}.raw`)
    t.ok(index.segments.some(segment => segment.encoding !== 'stored'), 'there are compressed segments')
    const held = blocksOf(index)
    t.same([...raw.blocks].filter(block => !held.has(block)), [], 'every block of the disk is found')
    const bytes = readFileSync(path)
    t.equal(index.segments.reduce((sum, segment) => sum + segment.lengthBytes, 0), bytes.length, 'no gap')
  })
}

t.test('finds a disk inside an ova', async t => {
  const directory = t.testdir({ 'box.ovf': '<Envelope/>' })
  convert(directory, ['-O', 'vmdk', '-o', 'subformat=streamOptimized'], 'box.vmdk', content())
  execFileSync('tar', ['--format=ustar', '-cf', 'box.ova', 'box.ovf', 'box.vmdk'], { cwd: directory })
  const index = await indexOf(join(directory, 'box.ova'))
  t.ok(index.segments.filter(segment => segment.encoding === 'zlib').length >= 16)
})

t.test('is read back as it was written', async t => {
  const path = convert(t.testdir({}), ['-c', '-O', 'qcow2'], 'disk', content())
  const index = await indexOf(path)
  t.same(parseChunkIndex(formatChunkIndex(index)), index)
})

t.test('an index that is cut, of another format or contradicts itself is none', async t => {
  const path = convert(t.testdir({}), ['-c', '-O', 'qcow2'], 'disk', content())
  const bytes = formatChunkIndex(await indexOf(path))
  const changed = (from: string, to: string) => Buffer.concat([
    Buffer.from(bytes.toString('utf8', 0, bytes.indexOf('\n')).replace(from, to)),
    bytes.subarray(bytes.indexOf('\n')),
  ])
  t.ok(parseChunkIndex(bytes))
  for (const [name, wrong] of Object.entries({
    cut: bytes.subarray(0, -1),
    empty: Buffer.alloc(0),
    'not JSON': Buffer.from('<html>\n'),
    'another format': changed('"formatVersion":1', '"formatVersion":2'),
    'another size': changed('"sizeBytes":', '"sizeBytes":1'),
    'a size below zero': changed('"segments":', '"segments":-'),
  })) {
    t.equal(parseChunkIndex(wrong), undefined, name)
  }
})

t.test('damaged tables and streams are plain bytes, and never an error', async t => {
  const directory = t.testdir({})
  const path = convert(directory, ['-c', '-O', 'qcow2'], 'disk', content())
  const bytes = readFileSync(path)
  bytes.fill(0xff, 65536, bytes.length - 1000)
  writeFileSync(path, bytes)
  const index = await indexOf(path)
  t.equal(index.segments.reduce((sum, segment) => sum + segment.lengthBytes, 0), bytes.length)
  t.same(parseChunkIndex(formatChunkIndex(index)), index)
})

t.test('is made once for an artifact, and not for a small one', async t => {
  const directory = t.testdir({ small: 'x' })
  const path = convert(directory, ['-c', '-O', 'qcow2'], 'disk', content())
  const cache = join(directory, 'cache')
  const made = await chunkIndexFile({ path, sha256: 'aa', cache })
  t.equal(made, join(cache, `aa.${chunkCutter}.chunks`))
  writeFileSync(made ?? '', 'kept')
  t.equal(await chunkIndexFile({ path, sha256: 'aa', cache }), made)
  t.equal(readFileSync(made ?? '', 'utf8'), 'kept')
  t.equal(await chunkIndexFile({ path: join(directory, 'small'), sha256: 'bb', cache }), undefined)
  t.notOk(existsSync(join(cache, `bb.${chunkCutter}.chunks`)))
})
