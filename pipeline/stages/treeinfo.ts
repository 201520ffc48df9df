/** Reads the .treeinfo of an installation tree or medium: its release, what the installer boots, and their checksums. */
// https://release-engineering.github.io/productmd/treeinfo-1.0.html

export interface Treeinfo {
  /** `7`, `9.4`; `unknown` where it is not said. */
  readonly version: string
  /** Paths from the tree's root; undefined where the tree does not name one. */
  readonly kernel: string | undefined
  readonly initrd: string | undefined
  /** The installer's own system. */
  readonly stage2: string | undefined
  /** Lower-case SHA-256 by path. */
  readonly sha256: Readonly<Record<string, string>>
}

/** Pure; what it does not understand it leaves out. */
export function parseTreeinfo(text: string): Treeinfo {
  const sections = readSections(text)
  const section = (name: string) => sections.get(name) ?? {}
  const arch = section('general')['arch'] ?? section('tree')['arch'] ?? 'x86_64'
  const images = section(`images-${arch}`)
  const stage2 = section('stage2')
  return {
    version: section('general')['version'] ?? section('release')['version'] ?? 'unknown',
    kernel: images['kernel'],
    initrd: images['initrd'],
    // RHEL 6 calls its own system the install image.
    stage2: stage2['mainimage'] ?? stage2['instimage'] ?? images['stage2'],
    sha256: Object.fromEntries(Object.entries(section('checksums')).flatMap(([path, value]) => digestOf(path, value))),
  }
}

function digestOf(path: string, value: string): readonly (readonly [string, string])[] {
  const digest = /^sha256:([0-9a-f]{64})$/i.exec(value)?.[1]
  return digest === undefined ? [] : [[path, digest.toLowerCase()]]
}

function readSections(text: string): ReadonlyMap<string, Record<string, string>> {
  const sections = new Map<string, Record<string, string>>()
  let current: Record<string, string> = {}
  for (const line of text.split(/\r?\n/)) {
    const name = /^\[([^\]]+)\]\s*$/.exec(line)?.[1]
    const [, key, value] = /^([^#;\s=:][^=]*?)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name !== undefined) sections.set(name, (current = sections.get(name) ?? {}))
    else if (key !== undefined) current[key] = value ?? ''
  }
  return sections
}
