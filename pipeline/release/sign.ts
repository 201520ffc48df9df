/** Finishes a release: SBOM, provenance, SHA256SUMS of the whole and of each target's folder, and signatures where there is a key. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { notARelease, releaseChanged } from '../errors/commands.js'
import { isPublished, readManifest, sumsName, writeSums } from '../stages/release-folder.js'
import type { Manifest } from '../stages/release-folder.js'
import { findChanges } from '../stages/release-digests.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { chunkIndexFile } from '../tools/chunk-index.js'
import type { Run } from '../tools/command.js'
import type { HashMemory } from '../tools/hash-memory.js'
import { verifyText } from '../tools/signature.js'
import type { Signature, SignatureKind, TrustedKeys } from '../tools/signature.js'
import type { ImagePackages } from './image-packages.js'
import { provenanceText } from './provenance.js'
import type { StageFact } from './provenance.js'
import { sbomText } from './sbom.js'
import type { Sign } from './seal.js'
import { provenanceName, sbomName, signatureSuffixes } from './tree.js'

export interface SignRequest {
  readonly release: string
  readonly packages: (manifest: Manifest) => Promise<ImagePackages>
  readonly stages: (manifest: Manifest) => Promise<readonly StageFact[]>
  readonly toolVersion: string
  /** Absent: unsigned. */
  readonly signer?: Signer
  readonly memory: HashMemory
  /** Folder in which chunk indexes are kept; publish looks there. */
  readonly chunkCache: string
  readonly signal: AbortSignal
}

export interface Signer {
  readonly sign: Sign
  /** Public halves of the keys that `sign` uses. */
  readonly own: TrustedKeys
  readonly run: Run
}

export interface SignedRelease {
  /** Absolute paths, in the order they were written. */
  readonly written: readonly string[]
  readonly origin: string
  readonly packages: number
}

/** Errors: `not-a-release` (exit 2), `release-changed` (exit 5), `sign-key-unusable` (exit 3), the file system's own. */
export async function signRelease(request: SignRequest): Promise<SignedRelease> {
  const { release, toolVersion, memory, signal } = request
  const manifest = await readManifest(release)
  if (!manifest) throw notARelease(release)
  const hash = (path: string) => memory.sha256(path, signal)
  // What was changed since it was built must not be signed as if it were that.
  const changes = (await findChanges(release, manifest, signal, hash)).filter(change => !isOwn(change))
  if (changes.length > 0) throw releaseChanged(release, changes)
  const before = await takeSignatures(release, manifest)
  const { packages, origin } = await request.packages(manifest)
  const stages = await request.stages(manifest)
  const texts = {
    [sbomName]: sbomText({ manifest, packages, origin, toolVersion }),
    [provenanceName]: provenanceText({ manifest, packages, stages, toolVersion }),
    ...Object.fromEntries(Object.entries(manifest.targets).map(([name, { files }]) => [`${name}/${sumsName}`, folderSums(name, files)])),
  }
  const written: string[] = []
  const write = async (name: string, text: string) => {
    await writeFileAtomic(join(release, name), text)
    written.push(join(release, name))
  }
  for (const [name, text] of Object.entries(texts)) await write(name, text)
  const sign = async (name: string) => {
    for (const { kind, text } of await signaturesOf(request, name, before.get(name) ?? [])) await write(`${name}${signatureSuffixes[kind]}`, text)
  }
  for (const name of Object.keys(manifest.targets)) await sign(`${name}/${sumsName}`)
  await writeSums(release, manifest, hash)
  written.push(join(release, sumsName))
  await sign(sumsName)
  await indexChunks(request, manifest)
  await memory.save()
  return { written, origin, packages: packages.length }
}

/** Made where nobody waits for an upload. */
async function indexChunks({ release, chunkCache: cache, signal }: SignRequest, { targets }: Manifest): Promise<void> {
  for (const { path, sha256 } of Object.values(targets).flatMap(({ files }) => files.filter(isPublished))) {
    await chunkIndexFile({ path: join(release, path), sha256, cache, signal })
  }
}

/** What a killed signing leaves half-done is written anew. @param change `<path>: missing` */
function isOwn(change: string): boolean {
  return /^(sbom\.cdx\.json|provenance\.json|[^/]+\/SHA256SUMS(\.sig|\.asc)?): /.test(change)
}

/** Of the folder as it is published. Names are those inside it, so that `sha256sum --check` runs there. */
function folderSums(target: string, files: Manifest['targets'][string]['files']): string {
  return files.filter(isPublished).map(({ path, sha256 }) => `${sha256}  ${path.slice(target.length + 1)}\n`).join('')
}

/**
 * Those of before, where they fit: OpenPGP's hold the time and ECDSA's are random, so that the same release signed again
 * would be another one to whoever has the first.
 */
async function signaturesOf({ release, signer }: SignRequest, name: string, before: readonly Signature[]): Promise<readonly Signature[]> {
  if (!signer) return []
  const { sign, own, run } = signer
  const text = await readFile(join(release, name), 'utf8')
  const fitting: Signature[] = []
  for (const signature of before) if (await verifyText(text, signature, own, run)) fitting.push(signature)
  const wanted = kinds.filter(kind => own[kind].length > 0)
  return wanted.every(kind => fitting.some(signature => signature.kind === kind)) ? fitting : await sign(text)
}

const kinds = Object.keys(signatureSuffixes) as readonly SignatureKind[]

/** By the name of what they sign. Killed later on, none is left that does not fit, or says more than is true. */
async function takeSignatures(release: string, manifest: Manifest): Promise<ReadonlyMap<string, readonly Signature[]>> {
  const taken = new Map<string, Signature[]>()
  for (const name of [sumsName, ...Object.keys(manifest.targets).map(target => `${target}/${sumsName}`)]) {
    const found: Signature[] = []
    for (const kind of kinds) {
      const path = join(release, `${name}${signatureSuffixes[kind]}`)
      const text = await readFile(path, 'utf8').catch(() => undefined)
      if (text !== undefined) found.push({ kind, text })
      await rm(path, { force: true })
    }
    taken.set(name, found)
  }
  return taken
}
