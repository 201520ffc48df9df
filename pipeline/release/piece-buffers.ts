/**
 * Buffers of pieces, used again: new ones cost a third of a download's processor time, and V8 does not see how much
 * memory the shared ones hold, so that hundreds of MiB of them wait to be collected. They are shared with the thread that
 * hashes what comes down, which would get a copy else.
 */

export interface PieceBuffers {
  /** What an earlier piece left is still in it. @param lengthBytes at most `largestBytes` */
  readonly take: (lengthBytes: number) => Buffer
  /** Takes back what `take` gave, or a part of it. */
  readonly giveBack: (bytes: Buffer) => void
}

export function pieceBuffers(largestBytes: number): PieceBuffers {
  const free: ArrayBufferLike[] = []
  return {
    take: lengthBytes => Buffer.from(free.pop() ?? new SharedArrayBuffer(largestBytes), 0, lengthBytes),
    giveBack: ({ buffer }) => void free.push(buffer),
  }
}
