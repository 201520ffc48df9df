/**
 * Writes the raw disk as zstd: data in frames that the zstd program makes, holes in frames made here of blocks that
 * say "128 KiB of zeros" in 4 bytes. `zstd -d` joins all frames to the whole disk; holes are never read or compressed.
 * https://www.rfc-editor.org/rfc/rfc8878
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { Run } from '../tools/command.js'
import { blockBytes } from './types.js'
import type { ImageWriter } from './types.js'

/** Uncompressed bytes of a data frame: large enough that starting a program for each does not count. */
const segmentBytes = 16 * blockBytes
/** A shorter hole is cheaper as zeros among the data than as the end of a frame. */
const leastHoleBytes = 4 * blockBytes

export interface RawZstOptions {
  readonly path: string
  readonly run: Run
}

export function rawZst({ path, run }: RawZstOptions): ImageWriter {
  let file: FileHandle | undefined
  let virtualBytes = 0
  /** Bytes of the disk that were written or lie in the segment. */
  let done = 0
  let segment = Buffer.alloc(0)
  let filled = 0

  const opened = (): FileHandle => {
    if (!file) throw new TypeError(`${path} is not open`)
    return file
  }
  const flush = async () => {
    if (filled === 0) return
    // Level, threads and size are told, so that only zstd's version decides about the bytes.
    const command = ['zstd', '-q', '-3', '-T1', '--check', `--stream-size=${filled}`, '-c'] as const
    await run(command, { inputBytes: segment.subarray(0, filled), stdoutTo: opened().fd, reason: 'export raw' })
    filled = 0
  }
  const add = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + segmentBytes - filled)
      segment.set(part, filled)
      filled += part.length
      at += part.length
      if (filled === segmentBytes) await flush()
    }
    done += bytes.length
  }
  const reach = async (to: number) => {
    const gap = to - done
    if (gap < leastHoleBytes && filled > 0) return await add(new Uint8Array(gap))
    await flush()
    // No position: zstd writes through the same descriptor, and both move its place on.
    for (const part of zeroFrame(gap)) await opened().write(part)
    done = to
  }
  const close = async () => {
    const handle = file
    file = undefined
    await handle?.close()
  }
  return {
    deflates: [],
    begin: async disk => {
      virtualBytes = disk.virtualBytes
      segment = Buffer.alloc(segmentBytes)
      file = await open(path, 'w')
    },
    take: async block => {
      await reach(block.startBytes)
      await add(block.bytes.subarray(0, block.lengthBytes))
    },
    finish: async () => {
      await reach(virtualBytes)
      await flush()
      await close()
    },
    abort: async () => await close().catch(() => {}),
  }
}

const runBytes = 128 * 1024
const magic = [0x28, 0xb5, 0x2f, 0xfd] as const
/** Content size in 8 bytes, no checksum; window of 128 KiB (2^(10 + 7), the exponent in the upper 5 bits). */
const frameHeader = [...magic, 0xc0, 7 << 3] as const
const blocksPerPart = 65536

/** A frame that stands for so many zeros, in parts; nothing for none. */
export function* zeroFrame(bytes: number): Generator<Buffer> {
  if (bytes === 0) return
  const header = Buffer.alloc(frameHeader.length + 8)
  header.set(frameHeader)
  header.writeBigUInt64LE(BigInt(bytes), frameHeader.length)
  yield header
  const whole = Math.ceil(bytes / runBytes) - 1
  for (let rest = whole; rest > 0; rest -= blocksPerPart) {
    yield Buffer.alloc(4 * Math.min(rest, blocksPerPart), zeroBlock(runBytes, false))
  }
  yield zeroBlock(bytes - whole * runBytes, true)
}

/** Last-block bit, type RLE (1), size; then the byte that is repeated. */
function zeroBlock(bytes: number, isLast: boolean): Buffer {
  const block = Buffer.alloc(4)
  block.writeUIntLE((isLast ? 1 : 0) | (1 << 1) | (bytes << 3), 0, 3)
  return block
}
