/** Which parts of a raw disk image hold data: holes are never read. */
import { toolAnswerUnknown } from '../errors/targets.js'
import type { Run } from './command.js'

export interface Extent {
  readonly startBytes: number
  readonly lengthBytes: number
}

/** In the order of the disk; neighbours are joined. Errors: those of Run, `tool-answer-unknown` (exit 4). */
export async function dataExtents(rawImage: string, run: Run): Promise<readonly Extent[]> {
  const { stdout } = await run(['qemu-img', 'map', '--output=json', '-f', 'raw', '--', rawImage], {
    reason: 'skip the holes of a disk',
  })
  return joinNeighbours(parseParts(stdout).filter(part => part.data))
}

interface Part {
  readonly start: number
  readonly length: number
  readonly data: boolean
}

function parseParts(stdout: string): readonly Part[] {
  let answer: unknown
  try {
    answer = JSON.parse(stdout)
  } catch {
    throw toolAnswerUnknown('qemu-img map', 'it is not JSON')
  }
  if (!Array.isArray(answer)) throw toolAnswerUnknown('qemu-img map', 'it is no list')
  return answer as readonly Part[]
}

function joinNeighbours(parts: readonly Part[]): Extent[] {
  const joined: Extent[] = []
  for (const { start, length } of parts) {
    const last = joined.at(-1)
    if (last && last.startBytes + last.lengthBytes === start) {
      joined[joined.length - 1] = { startBytes: last.startBytes, lengthBytes: last.lengthBytes + length }
    } else joined.push({ startBytes: start, lengthBytes: length })
  }
  return joined
}
