/** Where an address of the el family is fetched from: itself, or its copy on a mirror of the user's. */
import { isAbsolute } from 'node:path'

/** A mirror holds copies at `<mirror>/<host>/<path>`, as `wget --mirror` lays them down; paths and files of this machine stay. */
export function mirrored(address: string, mirror: string): string {
  if (mirror === '' || isAbsolute(address) || address.startsWith('file:')) return address
  const { host, pathname, search } = new URL(address)
  return `${mirror.replace(/\/+$/, '')}/${host}${pathname}${search}`
}
