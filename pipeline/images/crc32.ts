/** CRC-32 as zip and gzip use it (IEEE 802.3, reflected), and that of two parts joined. */
import zlib from 'node:zlib'

const polynomial = 0xedb88320

/** Of `bytes`; `before` is the CRC of what comes in front of them. Node has it since 20.15. */
export const crc32: (bytes: Uint8Array, before?: number) => number =
  typeof zlib.crc32 === 'function' ? (bytes, before = 0) => zlib.crc32(bytes, before) : crc32ByTable

const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ polynomial : rest >>> 1
  return rest
})

export function crc32ByTable(bytes: Uint8Array, before = 0): number {
  let rest = ~before
  for (const byte of bytes) rest = (rest >>> 8) ^ (table[(rest ^ byte) & 0xff] ?? 0)
  return ~rest >>> 0
}

/**
 * The CRC of two parts in a row. What the first becomes when `lengthOfSecond` bytes of zeros are appended is a
 * product of polynomials over GF(2): x^(8 * length) by repeated squaring.
 */
export function crc32Join(first: number, second: number, lengthOfSecond: number): number {
  return (multiply(powerOfX(lengthOfSecond), first) ^ second) >>> 0
}

const powers = new Map<number, number>()

function powerOfX(bytes: number): number {
  const known = powers.get(bytes)
  if (known !== undefined) return known
  // Bit 31 is x^0; x^8 has bit 23.
  let [square, result] = [0x00800000, 0x80000000]
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(square, result)
    square = multiply(square, square)
  }
  // Nearly all parts are grains of one length.
  if (powers.size < 64) powers.set(bytes, result)
  return result
}

/** The product modulo the polynomial. */
function multiply(a: number, b: number): number {
  let product = 0
  let shifted = b
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= shifted
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1
  }
  return product >>> 0
}
