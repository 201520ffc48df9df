/** The packages of an image: read out of the golden disk, or where that is gone, from the manifest's list. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Manifest } from '../stages/release-folder.js'
import { openExt4 } from '../tools/ext4.js'
import type { Ext4 } from '../tools/ext4.js'
import type { Run } from '../tools/command.js'
import { distributionOf, osReleasePaths } from '../tools/os-release.js'
import { readLayout } from '../tools/partitions.js'
import { copyrightPath, dpkgStatusPath, parseCopyright, parseDpkgStatus } from './dpkg.js'
import type { InstalledPackage } from './dpkg.js'
import { parseRpmQuery, rpmDatabasePaths, rpmQueryFormat } from './rpm.js'

export interface ImagePackages {
  readonly packages: readonly InstalledPackage[]
  /** Where the list came from, one line. */
  readonly origin: string
}

/** Names, versions and licences as dpkg or rpm has them on a raw disk; undefined when neither is on it. Errors: those of Run. */
export async function packagesOnDisk(disk: string, run: Run): Promise<ImagePackages | undefined> {
  const root = (await readLayout(disk)).partitions.filter(({ kind }) => kind === 'other').sort((a, b) => b.startBytes - a.startBytes)[0]
  if (!root) return undefined
  const directory = await mkdtemp(join(tmpdir(), 'pipeline-sbom-'))
  try {
    const ext4 = openExt4({ run, image: disk, offsetBytes: root.startBytes, directory })
    return (await dpkgPackages(ext4)) ?? (await rpmPackages(ext4, directory, run))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function dpkgPackages(ext4: Ext4): Promise<ImagePackages | undefined> {
  const status = (await ext4.readFiles([dpkgStatusPath])).get(dpkgStatusPath)?.toString('utf8')
  if (status === undefined) return undefined
  const packages = parseDpkgStatus(status)
  const texts = await ext4.readFiles(packages.map(({ name }) => copyrightPath(name)))
  const licencesOf = (name: string) => parseCopyright(texts.get(copyrightPath(name))?.toString('utf8') ?? '')
  const found = packages.map(each => ({ ...each, licences: licencesOf(each.name) }))
  const licensed = found.filter(({ licences }) => licences.length > 0).length
  return { packages: found, origin: `dpkg's status on the golden disk; licences of ${licensed} of ${found.length} packages from their copyright files` }
}

async function rpmPackages(ext4: Ext4, directory: string, run: Run): Promise<ImagePackages | undefined> {
  const files = await ext4.readFiles([...rpmDatabasePaths, ...osReleasePaths])
  const path = rpmDatabasePaths.find(each => files.has(each))
  if (path === undefined) return undefined
  await writeFile(join(directory, basename(path)), files.get(path) ?? '')
  // rpm finds out by the file's name and content what kind of database it is, and says so on stderr.
  const { stdout } = await run(['rpm', '--dbpath', directory, '--query', '--all', '--queryformat', rpmQueryFormat], { reason: 'list the packages of the image' })
  const packages = parseRpmQuery(stdout, distributionOf(files))
  return { packages, origin: "rpm's database on the golden disk" }
}

/** What the manifest lists: `name=version` each, and of an rpm `name=version.architecture`. Pure. */
export function packagesOfManifest({ packages, distribution, architecture }: Pick<Manifest, 'packages' | 'distribution' | 'architecture'>): ImagePackages {
  const found = packages.map(each => {
    const [name = '', version = ''] = each.split('=')
    if (distribution === undefined) return { name, version, architecture, licences: [] }
    const dot = version.lastIndexOf('.')
    return { name, version: version.slice(0, dot), architecture: version.slice(dot + 1), distribution, licences: [] }
  })
  return { packages: found, origin: 'the list in manifest.json; the golden disk was not at hand, so licences are not known' }
}
