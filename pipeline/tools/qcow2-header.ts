/**
 * Reads the header of a qcow2 file by its specification, independent of QEMU:
 * https://www.qemu.org/docs/master/interop/qcow2.html
 */

import { open } from 'node:fs/promises'

export interface Qcow2Header {
  /** 2 (compat 0.10) or 3 (compat 1.1). */
  readonly version: number
  readonly backingFile: boolean
  readonly clusterBytes: number
  readonly virtualBytes: number
  readonly encrypted: boolean
  readonly snapshots: number
  /**
   * Bits a reader must know: 0 dirty, 1 corrupt, 2 external data file, 3 compression type, 4
   * extended L2.
   */
  readonly incompatibleFeatures: bigint
  readonly compression: 'zlib' | 'zstd' | 'unknown'
}

const headerBytes = 112

const magic = 0x514649fb
const leastHeaderBytes = 72
const compressionTypeAt = 104

/**
 * The header's fields, or undefined when the bytes are no qcow2 header (too short, wrong magic,
 * unknown version).
 */
export function parseQcow2Header(bytes: Buffer): Qcow2Header | undefined {
  if (bytes.length < leastHeaderBytes || bytes.readUInt32BE(0) !== magic) return undefined
  const version = bytes.readUInt32BE(4)
  if (version !== 2 && (version !== 3 || bytes.length < compressionTypeAt)) return undefined
  return {
    version,
    backingFile: bytes.readBigUInt64BE(8) !== 0n,
    clusterBytes: 2 ** bytes.readUInt32BE(20),
    virtualBytes: Number(bytes.readBigUInt64BE(24)),
    encrypted: bytes.readUInt32BE(32) !== 0,
    snapshots: bytes.readUInt32BE(60),
    incompatibleFeatures: version === 2 ? 0n : bytes.readBigUInt64BE(72),
    compression: version === 2 ? 'zlib' : compressionOf(bytes),
  }
}

/** The field exists only in headers longer than 104 bytes; without it the type is zlib. */
function compressionOf(bytes: Buffer): Qcow2Header['compression'] {
  const headerLength = bytes.readUInt32BE(100)
  const type =
    headerLength > compressionTypeAt && bytes.length > compressionTypeAt
      ? bytes.readUInt8(compressionTypeAt)
      : 0
  return type === 0 ? 'zlib' : type === 1 ? 'zstd' : 'unknown'
}

/** The header of a file on disk; undefined when it is no qcow2. Errors: the file system's own. */
export async function readQcow2Header(path: string): Promise<Qcow2Header | undefined> {
  const file = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headerBytes), 0, headerBytes, 0)
    return parseQcow2Header(buffer.subarray(0, bytesRead))
  } finally {
    await file.close()
  }
}

/**
 * Why a file with this header should not be handed out, each as the end of a sentence that begins
 * with its name.
 */
export function portabilityProblems(
  header: Qcow2Header,
  wanted: { virtualBytes: number; clusterBytes: number }
): readonly string[] {
  const { version, compression, clusterBytes, virtualBytes, incompatibleFeatures } = header
  return [
    ...(version === 3 ? [] : [`has qcow2 version ${version}, wanted 3`]),
    ...(compression === 'zlib' ? [] : [`is compressed by ${compression}, which old QEMUs cannot read`]),
    ...(clusterBytes === wanted.clusterBytes
      ? []
      : [`has clusters of ${clusterBytes} bytes, wanted ${wanted.clusterBytes}`]),
    ...(virtualBytes === wanted.virtualBytes
      ? []
      : [`shows the guest ${virtualBytes} bytes, wanted ${wanted.virtualBytes}`]),
    ...(incompatibleFeatures === 0n
      ? []
      : [`was left dirty or needs features that old QEMUs lack (bits ${incompatibleFeatures.toString(2)})`]),
    ...(header.backingFile ? ['depends on a backing file'] : []),
    ...(header.encrypted ? ['is encrypted'] : []),
    ...(header.snapshots === 0 ? [] : [`holds snapshots: ${header.snapshots}`]),
  ]
}
