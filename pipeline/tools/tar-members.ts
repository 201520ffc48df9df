/** Where the members of a tar lie: ustar (POSIX 1003.1-1988), as OVAs, XVAs and Vagrant boxes are. */
import type { FileHandle } from 'node:fs/promises'

const blockBytes = 512

export interface TarMember {
  /** Of its content, in the file. */
  readonly offsetBytes: number
  readonly lengthBytes: number
}

/** In the order of the file; undefined when it is no tar. A damaged header ends the list. Errors: the file system's own. */
export async function tarMembers(file: FileHandle): Promise<readonly TarMember[] | undefined> {
  const { size } = await file.stat()
  const header = Buffer.alloc(blockBytes)
  const read = async (at: number) => void (await file.read(header, 0, blockBytes, at))
  if (size < blockBytes) return undefined
  await read(0)
  if (header.toString('latin1', 257, 262) !== 'ustar') return undefined
  const members: TarMember[] = []
  for (let at = 0; at + 2 * blockBytes <= size; ) {
    await read(at)
    const lengthBytes = Number.parseInt(header.toString('latin1', 124, 136), 8)
    if (header[0] === 0 || !(lengthBytes >= 0)) break
    members.push({ offsetBytes: at + blockBytes, lengthBytes })
    at += blockBytes + Math.ceil(lengthBytes / blockBytes) * blockBytes
  }
  return members
}
