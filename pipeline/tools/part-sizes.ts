/** How a file is cut into the parts of a multipart upload. Pure. */
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const mib = 1024 * 1024

export const partLimits = { smallestBytes: 5 * mib, largestBytes: 5 * 1024 * mib, count: 10_000, objectBytes: 5 * 1024 * 1024 * mib } as const

/** Up to this length a file travels in one request. */
export const singlePutBytes = 8 * mib

/** Of files up to 70 GiB. */
export const usualPartBytes = 8 * mib

/** Below the limit of 10,000, so that a server which counts otherwise is no surprise after 48 GiB. */
const wantedParts = 9000

/** Whole MiB, at least 8. Throws RangeError over 5 TiB, which no S3 server takes. */
export function partBytesFor(fileBytes: number): number {
  if (fileBytes > partLimits.objectBytes) throw new RangeError(`${fileBytes} bytes are more than an S3 object can have`)
  return Math.max(usualPartBytes, Math.ceil(fileBytes / wantedParts / mib) * mib)
}

export interface Part {
  /** From 1. */
  readonly number: number
  readonly startBytes: number
  readonly lengthBytes: number
}

/** In order, without gaps; the last one may be shorter. */
export function partsOf(fileBytes: number, partBytes: number): readonly Part[] {
  const count = Math.ceil(fileBytes / partBytes)
  return Array.from({ length: count }, (_, index) => {
    const startBytes = index * partBytes
    return { number: index + 1, startBytes, lengthBytes: Math.min(partBytes, fileBytes - startBytes) }
  })
}
