/** patches: blocks with a change are made anew, also those in holes; all others pass on as they are. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { frontedFile } from '../../pipeline/images/fronted.js'
import { patched } from '../../pipeline/images/patches.js'
import { vhdx } from '../../pipeline/images/vhdx.js'
import type { Block, ImageWriter } from '../../pipeline/images/types.js'
import { mib, passOver, realRun, writePhonyDisk } from '../fixtures/phony-disk.js'

const disk = { sizeBytes: 8 * mib, noise: { [mib]: mib, [5 * mib]: 512, [6 * mib]: 512 } }
const patches = [
  { startBytes: 7 * mib + 4096, bytes: Buffer.from('end') },
  { startBytes: mib + 4096, bytes: Buffer.from('one') },
  { startBytes: mib + 8192, bytes: Buffer.from('two') },
  { startBytes: 3 * mib, bytes: Buffer.from('hole') },
]

t.test('an image of the patched disk equals a copy with the patches', async t => {
  const directory = t.testdir({})
  const [raw, image, back] = [writePhonyDisk(directory, disk), join(directory, 'a.vhdx'), join(directory, 'b.raw')]
  await passOver(raw, patched(frontedFile(image, vhdx('x')), patches))
  await realRun(['qemu-img', 'convert', '-f', 'vhdx', '-O', 'raw', '--', image, back])
  const wanted = readFileSync(raw)
  for (const { startBytes, bytes } of patches) wanted.set(bytes, startBytes)
  t.ok(readFileSync(back).equals(wanted))
})

t.test('hands on every block in order, each once, untouched ones as they are', async t => {
  const seen: Block[] = []
  const plain: Block[] = []
  const collect = (into: Block[]): ImageWriter => ({
    deflates: [],
    begin: async () => {},
    take: async block => void into.push(block),
    finish: async () => {},
    abort: async () => {},
  })
  await passOver(writePhonyDisk(t.testdir({}), disk), collect(plain), patched(collect(seen), patches))
  t.strictSame(seen.map(block => block.startBytes / mib), [1, 3, 5, 6, 7])
  t.equal(seen[2], plain[1], 'the very block')
})

t.test('a patch that makes a block all zeros leaves it out', async t => {
  const seen: number[] = []
  const writer: ImageWriter = { deflates: [], begin: async () => {}, take: async block => void seen.push(block.startBytes), finish: async () => {}, abort: async () => {} }
  const raw = writePhonyDisk(t.testdir({}), { sizeBytes: 2 * mib, noise: { 0: 512, [mib]: 512 } })
  await passOver(raw, patched(writer, [{ startBytes: 0, bytes: Buffer.alloc(512) }]))
  t.strictSame(seen, [mib])
})
