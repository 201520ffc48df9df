/** The disk of an exported file, as QEMU opens it: the file itself, a member of a tar in place, or unpacked beside the boot. */
import { join } from 'node:path'
import type { BootPlan } from '../targets/types.js'
import type { Run } from '../tools/command.js'
import type { ImageFile } from '../tools/qemu-img.js'
import { listTar } from '../tools/tar-members.js'

export interface PackedDisk {
  readonly plan: Pick<BootPlan, 'disk' | 'member' | 'diskFormat'>
  /** The target's folder in the release. */
  readonly release: string
  /** What must be unpacked goes here. */
  readonly directory: string
}

/** Errors: those of Run; TypeError when the archive lacks the member (verification has looked for it before). */
export async function openBootDisk({ plan, release, directory }: PackedDisk, run: Run): Promise<ImageFile> {
  const path = join(release, plan.disk)
  const { member, diskFormat: format } = plan
  if (path.endsWith('.zst')) {
    const unpacked = join(directory, 'disk')
    await run(['zstd', '-q', '-d', '--sparse', '-o', unpacked, '--', path], { reason: 'boot an artifact' })
    return { path: unpacked, format }
  }
  if (member === undefined) return { path, format }
  const found = (await listTar(path)).members.find(({ name }) => name === member)
  if (found) return { path: inPlace(path, { format, offset: found.startBytes, size: found.bytes }), format }
  await run(['bsdtar', '-xf', path, '-C', directory, '--', member], { reason: 'boot an artifact' })
  return { path: join(directory, member), format }
}

/** QEMU's own name for an image that is part of a file. */
function inPlace(filename: string, { format, offset, size }: { readonly format: string; readonly offset: number; readonly size: number }): string {
  const file = { driver: 'raw', offset, size, file: { driver: 'file', filename } }
  return `json:${JSON.stringify({ driver: format, file })}`
}
