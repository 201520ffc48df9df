/** The packages of an el image: the list with their signatures that the kickstart has left on the disk, when all of it was installed. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Run } from '../tools/command.js'
import { openExt4 } from '../tools/ext4.js'
import { distributionOf, osReleasePaths } from '../tools/os-release.js'
import { readLayout, rootPartition } from '../tools/partitions.js'
import type { PackageList } from './release-folder.js'

/** Written by the kickstart's part signatures.ks. */
export const rpmListPath = '/usr/share/evc/packages.txt'

export interface InstalledRpm {
  readonly name: string
  readonly version: string
  /** Last 16 digits of the signing key's fingerprint, upper case; undefined for an unsigned one. */
  readonly keyId: string | undefined
}

/** Lines `name-[epoch:]version-release.arch RSA/SHA256, date, Key ID 24c6a8a7f4a80eb5`. Pure. */
export function parseRpmList(text: string): readonly InstalledRpm[] {
  return text.split('\n').filter(line => line.trim() !== '').map(line => {
    const [label = '', ...rest] = line.split(' ')
    const [, name = label, version = ''] = /^(.+)-([^-]+-[^-]+)$/.exec(label) ?? []
    return { name, version, keyId: /Key ID ([0-9a-f]{16})/i.exec(rest.join(' '))?.[1]?.toUpperCase() }
  })
}

/** Packages that are not in the list. Pure. */
export function missingRpms(rpms: readonly InstalledRpm[], wanted: readonly string[]): readonly string[] {
  const names = new Set(rpms.map(({ name }) => name))
  return wanted.filter(name => !names.has(name)).map(name => `${name} is not installed`)
}

/**
 * Packages that no key of these fingerprints signed, as the kickstart's `rpm -Kv` and rpm's own reading found them; a
 * list that is empty says that neither was done. Pure.
 */
export function foreignRpms(rpms: readonly InstalledRpm[], fingerprints: readonly string[]): readonly string[] {
  if (rpms.length === 0) return [`${rpmListPath} names no package: the kickstart has not checked their signatures`]
  const known = new Set(fingerprints.map(fingerprint => fingerprint.slice(-16)))
  return rpms
    .filter(({ keyId }) => keyId === undefined || !known.has(keyId))
    .map(({ name, version, keyId }) => `${name}-${version} ${keyId === undefined ? 'is not signed' : `is signed by ${keyId}, which is no key of the spec`}`)
}

/** What the manifest says of a raw disk's packages. Errors: `disk-unreadable` (exit 4), those of Run. */
export async function installedRpms(disk: string, run: Run): Promise<PackageList> {
  const directory = await mkdtemp(join(tmpdir(), 'pipeline-rpms-'))
  try {
    const root = openExt4({ run, image: disk, offsetBytes: rootPartition(disk, await readLayout(disk)).startBytes, directory })
    const files = await root.readFiles([rpmListPath, ...osReleasePaths])
    const rpms = parseRpmList(files.get(rpmListPath)?.toString('utf8') ?? '')
    return { packages: rpms.map(({ name, version }) => `${name}=${version}`), distribution: distributionOf(files) }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
