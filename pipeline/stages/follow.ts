/** Follows a log that another process is writing, line by line, for progress. */
import { open } from 'node:fs/promises'

const pollMs = 500

/**
 * Calls `onLine` for every finished line of the file until the returned function is called, and `onRest` at each look
 * that finds the last line unfinished and no longer growing: a question waits on its own line.
 */
export function followLog(path: string, onLine: (line: string) => void, onRest?: (rest: string) => void): () => Promise<void> {
  const state = { offset: 0, rest: '' }
  let reading: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    reading = reading.then(async () => {
      const { offset } = state
      await readNew(path, state, onLine)
      if (state.rest !== '' && state.offset === offset) onRest?.(state.rest)
    })
  }, pollMs)
  return async () => {
    clearInterval(timer)
    await reading
    await readNew(path, state, onLine)
  }
}

async function readNew(
  path: string,
  state: { offset: number; rest: string },
  onLine: (line: string) => void
): Promise<void> {
  const file = await open(path, 'r').catch(() => undefined)
  if (!file) return
  try {
    const buffer = Buffer.alloc(65536)
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, state.offset)
      if (bytesRead === 0) return
      state.offset += bytesRead
      const lines = (state.rest + buffer.toString('utf8', 0, bytesRead)).split('\n')
      state.rest = lines.pop() ?? ''
      lines.forEach(onLine)
    }
  } finally {
    await file.close()
  }
}
