/** Where an address of the el family is fetched from: itself, or its copy on a mirror of the user's. */
import { isAbsolute } from 'node:path'
import type { ElSpec } from './types.js'

/** A mirror holds copies at `<mirror>/<host>/<path>`, as `wget --mirror` lays them down; paths and files of this machine stay, and so does none. */
export function mirrored(address: string, mirror: string): string {
  if (mirror === '' || address === '' || isAbsolute(address) || address.startsWith('file:')) return address
  const { host, pathname, search } = new URL(address)
  return `${mirror.replace(/\/+$/, '')}/${host}${pathname}${search}`
}

/** Whether the installer comes from a boot ISO; otherwise from an installation tree. */
export function isIso({ installerUrl }: Pick<ElSpec, 'installerUrl'>): boolean {
  return installerUrl.endsWith('.iso')
}

/** Where a virtual machine behind QEMU's own network finds what this machine calls loopback. */
const hostSeenByGuest = '10.0.2.2'

/** An address as a builder VM must ask for it: a server on this machine's loopback has another name there. */
export function seenByGuest(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  if (!/^(?:https?|ftp):$/.test(url.protocol) || !['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname)) return address
  return address.replace(`//${url.host}`, `//${hostSeenByGuest}${url.port === '' ? '' : `:${url.port}`}`)
}
