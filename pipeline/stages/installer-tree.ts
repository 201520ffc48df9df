/** What Anaconda starts from in an installation tree: each file is held to the digests of a .treeinfo that was compared itself. */
import { createHash } from 'node:crypto'
import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { treeChanged, treeIncomplete, treeUnreachable } from '../errors/anaconda.js'
import { installerOfOtherRelease } from '../errors/iso.js'
import { generationOf } from '../spec/el-rules.js'
import { mirrored } from '../spec/mirrored.js'
import type { Spec } from '../spec/types.js'
import { sha256File } from '../tools/checksum.js'
import { getBytes, getFile } from '../tools/get-file.js'
import { parseTreeinfo } from './treeinfo.js'

export interface TreeRequest {
  readonly spec: Pick<Spec, 'el' | 'release'>
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
}

export interface FetchedTree {
  readonly kernel: string
  readonly initrd: string
  /** Path of the installer's own system below `served`, as in the tree. */
  readonly stage2: string
}

/**
 * Kernel and initrd go into `directory`, .treeinfo and the installer's own system below `served`, where they lie as in
 * the tree. The index of its packages is compared, too: Anaconda holds each package to it.
 * Errors: `tree-unreachable` (exit 4), `tree-changed`, `tree-incomplete`, `installer-of-other-release` (2).
 */
export async function fetchTree(request: TreeRequest, places: { readonly directory: string; readonly served: string }): Promise<FetchedTree> {
  const { el, release } = request.spec
  const url = mirrored(el.installerUrl, el.mirror).replace(/\/*$/, '/')
  const text = await document(`${url}.treeinfo`, el.installerSha256, request)
  const info = parseTreeinfo(text.toString('utf8'))
  if (generationOf(info.version) !== generationOf(release)) throw installerOfOtherRelease(url, info.version, release)
  const digestOf = (path: string): string => {
    const found = info.sha256[path]
    if (found === undefined) throw treeIncomplete(url, `SHA-256 of ${path}`)
    return found
  }
  const named = (what: 'kernel' | 'initrd' | 'stage2'): string => {
    const path = info[what]
    if (path === undefined || path === '') throw treeIncomplete(url, what)
    return path
  }
  const stage2 = named('stage2')
  const files = { kernel: join(places.directory, 'vmlinuz'), initrd: join(places.directory, 'initrd.img'), stage2: join(places.served, stage2) }
  for (const [what, to] of Object.entries(files) as [keyof typeof files, string][]) {
    const path = named(what)
    request.progress(`fetching ${url}${path}`)
    await file(`${url}${path}`, to, { ...request, wanted: digestOf(path) })
  }
  const index = 'repodata/repomd.xml'
  await document(`${url}${index}`, digestOf(index), request)
  await writeFile(join(places.served, '.treeinfo'), text)
  return { ...files, stage2 }
}

async function document(url: string, wanted: string, { signal }: TreeRequest): Promise<Buffer> {
  const bytes = await getBytes(url, { signal, failed: reason => treeUnreachable(url, reason) })
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== wanted) throw treeChanged(url, wanted, found)
  return bytes
}

async function file(url: string, to: string, { signal, wanted }: TreeRequest & { readonly wanted: string }): Promise<void> {
  const part = `${to}.part`
  await mkdir(dirname(to), { recursive: true })
  try {
    await getFile(url, part, { signal, failed: reason => treeUnreachable(url, reason) })
    const found = await sha256File(part, signal)
    if (found !== wanted) throw treeChanged(url, wanted, found)
    await rename(part, to)
  } finally {
    await rm(part, { force: true })
  }
}
