/** Loads the pieces of a file side by side and hands them on in their order, under a bound on memory. */
import { setMaxListeners } from 'node:events'

export interface Piece {
  readonly offsetBytes: number
  readonly lengthBytes: number
  /** The piece's bytes, all of them. */
  readonly load: (signal: AbortSignal) => Promise<Buffer>
  /** Called when the bytes that were loaded are needed no more. */
  readonly done?: (bytes: Buffer) => void
}

export interface OrderedOptions {
  readonly signal: AbortSignal
  /** So many are loaded at once. */
  readonly parallel: number
  /** Bytes of pieces that are being loaded or wait for their turn; one piece is always allowed. */
  readonly memoryBytes: number
}

/** So many lie ready, so that nobody waits while one is being taken; more would only be memory, and lost by a kill. */
const ahead = 2

/** The first failure ends the other loads and is passed on. */
export async function inOrder(
  pieces: readonly Piece[],
  take: (bytes: Buffer, piece: Piece) => Promise<void>,
  options: OrderedOptions
): Promise<void> {
  const stop = new AbortController()
  const { signal } = stop
  // Each range that is under way listens; Node warns of a leak from the eleventh on.
  setMaxListeners(0, signal)
  // AbortSignal.any needs Node 20.3.
  const abort = () => stop.abort(options.signal.reason)
  options.signal.addEventListener('abort', abort)
  options.signal.throwIfAborted()
  const waiting: { piece: Piece; bytes: Promise<Buffer> }[] = []
  let [next, loading, heldBytes] = [0, 0, 0]
  const ended = () => {
    loading -= 1
    start()
  }
  const hasPlace = () => loading < options.parallel && waiting.length < options.parallel + ahead && !signal.aborted
  const start = () => {
    for (let piece = pieces[next]; piece && hasPlace(); piece = pieces[next]) {
      if (waiting.length > 0 && heldBytes + piece.lengthBytes > options.memoryBytes) return
      const bytes = piece.load(signal)
      // A failure is told by the await below; here it ends the others' beginning, and must not end the process.
      bytes.then(ended, () => {})
      waiting.push({ piece, bytes })
      heldBytes += piece.lengthBytes
      next += 1
      loading += 1
    }
  }
  try {
    for (start(); waiting.length > 0; start()) {
      const { piece, bytes: loading } = waiting[0] as (typeof waiting)[number]
      const bytes = await loading
      await take(bytes, piece)
      piece.done?.(bytes)
      waiting.shift()
      heldBytes -= piece.lengthBytes
    }
  } finally {
    options.signal.removeEventListener('abort', abort)
    stop.abort()
  }
}
