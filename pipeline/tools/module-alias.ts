/** Which module a Linux kernel loads for a device: the patterns of modules.alias, matched as modprobe does. */
// https://man7.org/linux/man-pages/man5/modprobe.d.5.html: alias wildcard modulename, wildcards as of a shell.

export interface DeviceAlias {
  /** The device in the words of its hypervisor. */
  readonly device: string
  /** What the kernel's bus says of it: `pci:v00001000d00000030sv...`, `vmbus:...`, `xen:vbd`. */
  readonly alias: string
  /** The module that has to answer. */
  readonly driver: string
  /** Where the module must be: a disk's driver in the initramfs, a network card's on the disk. */
  readonly place: 'initramfs' | 'disk'
}

/** Modules that answer an alias, in the order of the file. */
export function modulesFor(alias: string, modulesAlias: string): readonly string[] {
  const found = new Set<string>()
  for (const [, pattern = '', module = ''] of modulesAlias.matchAll(/^alias (\S+) (\S+)$/gm)) {
    // Tens of thousands of patterns: only the few that begin alike are worth an expression of their own.
    if (alias.startsWith(literalStart(pattern)) && matcher(pattern).test(alias)) found.add(module)
  }
  return [...found]
}

/** Up to the first wildcard. */
function literalStart(pattern: string): string {
  return /^[^*?[]*/.exec(pattern)?.[0] ?? ''
}

function matcher(pattern: string): RegExp {
  const source = pattern.replace(/\[[^\]]*\]|[\s\S]/g, part => {
    if (part === '*') return '.*'
    if (part === '?') return '.'
    return part.length > 1 ? part.replace(/^\[!/, '[^') : part.replace(/[.+^${}()|\\[\]]/, '\\$&')
  })
  return new RegExp(`^${source}$`)
}
