/** Reading at a place in a file. */
import type { FileHandle } from 'node:fs/promises'

/**
 * Shorter at the end of the file.
 * @param lengthBytes taken in memory before anything is read: who has it out of a file bounds it by the file's size
 */
export async function readBytes(file: FileHandle, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, lengthBytes))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offsetBytes)
  return buffer.subarray(0, bytesRead)
}
