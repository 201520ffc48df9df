/** The ISO that Anaconda starts from: fetched or taken from this disk, and never used before its checksum was compared. */
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installerChanged, installerForeign, installerOfOtherRelease, installerUnreachable, installerUnreadable } from '../errors/iso.js'
import { mirrored } from '../spec/mirrored.js'
import type { Spec } from '../spec/types.js'
import { sha256File } from '../tools/checksum.js'
import type { Run } from '../tools/command.js'
import { getFile } from '../tools/get-file.js'
import { parseTreeinfo } from './treeinfo.js'

export interface MediumRequest {
  readonly spec: Pick<Spec, 'el' | 'release'>
  /** Fetched ISOs are kept here, by their digest. */
  readonly cache: string
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
}

/** Path of the whole, compared ISO. Errors: `installer-unreadable`, `installer-changed` (exit 2), `installer-unreachable` (4). */
export async function obtainMedium(request: MediumRequest): Promise<string> {
  const { installerUrl, installerSha256, mirror } = request.spec.el
  const source = mirrored(installerUrl, mirror)
  const local = isAbsolute(source) ? source : source.startsWith('file:') ? fileURLToPath(source) : undefined
  if (local !== undefined) {
    await requireDigest(local, { source: local, wanted: installerSha256, signal: request.signal })
    return local
  }
  const kept = join(request.cache, `${installerSha256}.iso`)
  if (!(await exists(kept))) await fetchTo(kept, source, request)
  return kept
}

/** A file that bears its final name was compared: it is written under another name until then. */
async function fetchTo(kept: string, url: string, { spec, cache, signal, progress }: MediumRequest): Promise<void> {
  await mkdir(cache, { recursive: true })
  const part = `${kept}.part-${process.pid}`
  progress(`fetching ${url}`)
  try {
    await getFile(url, part, { signal, failed: reason => installerUnreachable(url, reason) })
    await requireDigest(part, { source: url, wanted: spec.el.installerSha256, signal })
    await rename(part, kept)
  } finally {
    await rm(part, { force: true })
  }
}

interface Wanted {
  /** As a user knows it. */
  readonly source: string
  readonly wanted: string
  readonly signal: AbortSignal
}

/** Errors: `installer-unreadable`, `installer-changed` (exit 2). */
export async function requireDigest(path: string, { source, wanted, signal }: Wanted): Promise<void> {
  const found = await sha256File(path, signal).catch((error: NodeJS.ErrnoException) => {
    if (signal.aborted) throw error
    throw installerUnreadable(path, error)
  })
  if (found !== wanted) throw installerChanged(source, wanted, found)
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    found => found.isFile(),
    () => false
  )
}

export interface IsoFile {
  readonly path: string
  /** As a user knows it. @default its path */
  readonly source?: string
}

/** Copies files of the ISO, by path on it, to paths of this disk. Errors: `installer-foreign` (exit 2) for one that is not there. */
export async function extractFromIso({ path, source = path }: IsoFile, files: Readonly<Record<string, string>>, run: Run): Promise<void> {
  for (const [inside, outside] of Object.entries(files)) {
    const command = ['xorriso', '-osirrox', 'on', '-indev', path, '-extract', inside, outside] as const
    await run(command, { reason: 'read the ISO' }).catch(() => {
      throw installerForeign(source, inside)
    })
  }
}

/** Names of the packages that lie on it: of `/Packages/grub2-2.02-0.86.el7.centos.x86_64.rpm` it is `grub2`. Errors: those of Run. */
export async function packagesOnIso(path: string, run: Run): Promise<readonly string[]> {
  const { stdout } = await run(['xorriso', '-indev', path, '-find', '/', '-name', '*.rpm'], { reason: 'read the ISO' })
  const names = [...stdout.matchAll(/\/([^/]+)-[^-/]+-[^-/]+\.rpm'?$/gm)].map(([, name = '']) => name)
  return [...new Set(names)].sort()
}

/** Errors: `installer-of-other-release` (exit 2), by what the medium's .treeinfo says. */
export async function requireRelease(treeinfo: string, { source, release }: { source: string; release: string }): Promise<void> {
  const { version: found } = parseTreeinfo(await readFile(treeinfo, 'utf8'))
  if (found.split('.')[0] !== release.split('.')[0]) throw installerOfOtherRelease(source, found, release)
}
