/** The packages of an image: read out of the golden disk, or where that is gone, from the manifest's list. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Manifest } from '../stages/release-folder.js'
import { openExt4 } from '../tools/ext4.js'
import type { Run } from '../tools/command.js'
import { readLayout } from '../tools/partitions.js'
import { copyrightPath, dpkgStatusPath, parseCopyright, parseDpkgStatus } from './dpkg.js'
import type { InstalledPackage } from './dpkg.js'

export interface ImagePackages {
  readonly packages: readonly InstalledPackage[]
  /** Where the list came from, one line. */
  readonly origin: string
}

/** Names, versions and licences as dpkg has them on a raw disk; undefined when there is no dpkg on it. Errors: those of Run. */
export async function packagesOnDisk(disk: string, run: Run): Promise<ImagePackages | undefined> {
  const root = (await readLayout(disk)).partitions.filter(({ kind }) => kind === 'other').sort((a, b) => b.startBytes - a.startBytes)[0]
  if (!root) return undefined
  const directory = await mkdtemp(join(tmpdir(), 'pipeline-sbom-'))
  try {
    const ext4 = openExt4({ run, image: disk, offsetBytes: root.startBytes, directory })
    const status = (await ext4.readFiles([dpkgStatusPath])).get(dpkgStatusPath)?.toString('utf8')
    if (status === undefined) return undefined
    const packages = parseDpkgStatus(status)
    const texts = await ext4.readFiles(packages.map(({ name }) => copyrightPath(name)))
    const licencesOf = (name: string) => parseCopyright(texts.get(copyrightPath(name))?.toString('utf8') ?? '')
    const found = packages.map(each => ({ ...each, licences: licencesOf(each.name) }))
    const licensed = found.filter(({ licences }) => licences.length > 0).length
    return { packages: found, origin: `dpkg's status on the golden disk; licences of ${licensed} of ${found.length} packages from their copyright files` }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** `name=version` each. */
export function packagesOfManifest({ packages, architecture }: Manifest): ImagePackages {
  const found = packages.map(each => {
    const [name = '', version = ''] = each.split('=')
    return { name, version, architecture, licences: [] }
  })
  return { packages: found, origin: 'the list in manifest.json; the golden disk was not at hand, so licences are not known' }
}
