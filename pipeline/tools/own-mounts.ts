/** A mount namespace for a program that mounts: what it mounted is gone with it, even when it is killed. */
import { readFile } from 'node:fs/promises'
import type { Command } from './command.js'

/** CAP_SYS_ADMIN, linux/capability.h. */
const mountCapability = 1n << 21n

/** Pure. @param status text of /proc/<pid>/status, see proc(5) */
export function mayMount(status: string): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]
  return effective !== undefined && (BigInt(`0x${effective}`) & mountCapability) !== 0n
}

/**
 * What to put before a command so that it mounts for itself only; empty where this process may not mount, and so
 * neither may the program (mmdebstrap makes a user namespace of its own then). util-linux is on every Linux.
 */
export async function ownMounts(): Promise<Command | readonly []> {
  return mayMount(await readFile('/proc/self/status', 'utf8')) ? ['unshare', '--mount', '--'] : []
}
