/** media of the el family: kernel, initrd and Anaconda's own system, out of a boot ISO or an installation tree that was compared. */
import { constants } from 'node:fs'
import { copyFile, mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isIso } from '../spec/mirrored.js'
import type { Spec } from '../spec/types.js'
import type { Json } from '../tools/json.js'
import { extractFromIso, obtainMedium, requireDigest, requireRelease } from './installer-medium.js'
import { fetchTree } from './installer-tree.js'
import { parseTreeinfo } from './treeinfo.js'
import type { StageContext } from './types.js'

export interface ElMediaInput {
  readonly spec: Pick<Spec, 'el' | 'release'>
  /** Fetched ISOs are kept here, by their digest. */
  readonly cache: string
}

export interface ElMedia {
  readonly kernel: string
  readonly initrd: string
  /** Folder that the guest reads over HTTP: a tree's .treeinfo and its installer's own system. */
  readonly served: string
  /** The boot ISO; it holds the installer's own system and the packages. Only where the spec names one. */
  readonly iso: string
  /** Text file with the path of the installer's own system below `served`; empty for an ISO. */
  readonly stage2Name: string
}

/** Where a finished media stage keeps its files. */
export function elMedia(directory: string): ElMedia {
  return {
    kernel: join(directory, 'vmlinuz'),
    initrd: join(directory, 'initrd.img'),
    served: join(directory, 'served'),
    iso: join(directory, 'installer.iso'),
    stage2Name: join(directory, 'stage2-name'),
  }
}

/** What the stage's key depends on: the medium by its digest, wherever it came from. */
export function elMediaInputs({ el, release }: ElMediaInput['spec']): Json {
  return { release, installer: el.installerSha256, kind: isIso(el) ? 'iso' : 'tree' }
}

/** Fills `directory`, or leaves it empty. Errors: those of `obtainMedium` and `fetchTree`, `installer-foreign` (exit 2). */
export async function elMediaStage(input: ElMediaInput, context: StageContext, directory: string): Promise<ElMedia> {
  const media = elMedia(directory)
  try {
    await mkdir(media.served)
    if (isIso(input.spec.el)) await fromIso(input, context, media)
    else await fromTree(input, context, { media, directory })
    return media
  } catch (error) {
    await Promise.all((await readdir(directory)).map(name => rm(join(directory, name), { recursive: true, force: true })))
    throw error
  }
}

/** The stage keeps a copy: a file of the user's may be another one tomorrow. On file systems that can, it takes no room. */
async function fromIso({ spec, cache }: ElMediaInput, context: StageContext, media: ElMedia): Promise<void> {
  const { signal, progress } = context
  const source = await obtainMedium({ spec, cache, signal, progress })
  await copyFile(source, media.iso, constants.COPYFILE_FICLONE)
  await requireDigest(media.iso, { source, wanted: spec.el.installerSha256, signal })
  const treeinfo = join(media.served, 'treeinfo')
  await extractFromIso({ path: media.iso, source }, { '/.treeinfo': treeinfo }, context.run)
  await requireRelease(treeinfo, { source, release: spec.release })
  // Where a medium's .treeinfo does not name them, they are where every release has had them.
  const { kernel = 'images/pxeboot/vmlinuz', initrd = 'images/pxeboot/initrd.img' } = parseTreeinfo(await readFile(treeinfo, 'utf8'))
  await extractFromIso({ path: media.iso, source }, { [`/${kernel}`]: media.kernel, [`/${initrd}`]: media.initrd }, context.run)
  await rm(treeinfo, { force: true })
  await writeFile(media.stage2Name, '')
}

async function fromTree({ spec }: ElMediaInput, { signal, progress }: StageContext, to: { media: ElMedia; directory: string }): Promise<void> {
  const { served, stage2Name } = to.media
  const { stage2 } = await fetchTree({ spec, signal, progress }, { directory: to.directory, served })
  await writeFile(stage2Name, stage2)
}
