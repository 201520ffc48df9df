/** IPv4 addresses and subnets, as far as the cross-field rules need them. */

export interface Subnet {
  /** The address as written, as a number of 32 bits. */
  readonly address: number
  readonly prefix: number
  /** First address of the subnet (the network's own). */
  readonly first: number
  /** Last address of the subnet (broadcast). */
  readonly last: number
}

/**
 * The address as a number of 32 bits; undefined when it is none (leading zeros count as none: they
 * read as octal elsewhere).
 */
export function parseAddress(text: string): number | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256))
    return undefined
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** Address and prefix length, `192.168.42.2/24`; undefined when it is not of that form. */
export function parseSubnet(text: string): Subnet | undefined {
  const [written = '', length = '', ...rest] = text.split('/')
  const address = parseAddress(written)
  if (address === undefined || rest.length > 0 || !/^(?:0|[1-9]\d?)$/.test(length)) return undefined
  const prefix = Number(length)
  if (prefix > 32) return undefined
  const size = 2 ** (32 - prefix)
  const first = address - (address % size)
  return { address, prefix, first, last: first + size - 1 }
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map(bits => Math.floor(address / 2 ** bits) % 256).join('.')
}

/** The subnet itself, `192.168.42.0/24`. */
export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress(subnet.first)}/${subnet.prefix}`
}

/** Whether a machine may bear this address in the subnet: inside it, and neither its first nor its last. */
export function isHostAddress(address: number, subnet: Subnet): boolean {
  return address > subnet.first && address < subnet.last
}

export interface AddressRange {
  readonly first: number
  readonly last: number
}

/** `192.168.42.100-192.168.42.199`; undefined when it is not of that form or runs backwards. */
export function parseRange(text: string): AddressRange | undefined {
  const [from = '', to = '', ...rest] = text.split('-')
  const first = parseAddress(from)
  const last = parseAddress(to)
  if (first === undefined || last === undefined || rest.length > 0 || last < first) return undefined
  return { first, last }
}

export function contains({ first, last }: AddressRange, address: number): boolean {
  return address >= first && address <= last
}

export function overlap(a: Subnet, b: Subnet): boolean {
  return a.first <= b.last && b.first <= a.last
}
