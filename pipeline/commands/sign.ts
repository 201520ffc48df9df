/** `pipeline sign`: writes SBOM, provenance, sums and signatures into a finished release. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { packagesOfManifest, packagesOnDisk } from '../release/image-packages.js'
import { ownPublicKeys, secretKeys, signerOf } from '../release/keys.js'
import type { KeyOptions } from '../release/keys.js'
import type { StageFact } from '../release/provenance.js'
import { signRelease } from '../release/sign.js'
import { requireWritable } from '../stages/export.js'
import type { Manifest } from '../stages/release-folder.js'
import { openHost } from '../run/host.js'
import type { Host } from '../run/host.js'
import { goldenDiskOf } from '../run/golden.js'
import { openStore } from '../run/store.js'
import type { Store } from '../run/store.js'
import { openHashMemory } from '../tools/hash-memory.js'
import { tryKey } from '../tools/signature.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { PlaceOptions } from './options.js'
import { packageRoot, placesOf } from './places.js'
import { holdReleases } from './session.js'
import { progressOf } from './tree-session.js'

export interface SignOptions extends PlaceOptions, KeyOptions {
  readonly rehash?: boolean
  readonly json?: boolean
}

/** Prints what it wrote. Errors: `not-a-release` (exit 2), `release-changed` (exit 5), `sign-key-unusable` (exit 3). */
export async function runSign(folder: string, options: SignOptions, io: CommandIo): Promise<void> {
  const host = openHost(io)
  try {
    const letGo = await holdReleases(options, host, io, `sign ${folder}`)
    try {
      await signFolder(resolve(folder), { options, host, io })
    } finally {
      letGo()
    }
  } finally {
    host.close()
  }
}

/** Tries each key, so that one of no use is told before a build. Errors: `sign-key-unusable`, `tool-missing` (exit 3). */
export async function runSignCheck(options: SignOptions, io: CommandIo): Promise<void> {
  const host = openHost(io)
  try {
    const keys = secretKeys(options, io.env)
    for (const key of keys) await tryKey(key, host.run)
    progressOf(io)(keys.length === 0 ? noKey('what is signed so') : `sign: can sign with ${keys.map(({ kind }) => kind).join(' and ')}`)
    if (options.json) printJson(io, { keys: keys.map(({ kind }) => kind) })
  } finally {
    host.close()
  }
}

const noKey = (what: string) => `sign: no key given, ${what} is UNSIGNED (--sign-key, --openpgp-key, --openpgp-id)`

async function signFolder(release: string, { options, host, io }: { readonly options: SignOptions; readonly host: Host; readonly io: CommandIo }): Promise<void> {
  const { state } = placesOf(options)
  const store = openStore(join(state, 'store'), line => io.stderr.write(`warning: ${line}\n`))
  const memory = await openHashMemory(join(state, 'hashes.json'), { rehash: options.rehash ?? false })
  const progress = progressOf(io)
  const keys = secretKeys(options, io.env)
  const sign = signerOf(keys, host.run)
  const signer = sign && { sign, own: await ownPublicKeys(keys, host.run), run: host.run }
  await requireWritable(release)
  const signed = await signRelease({
    release, memory, chunkCache: join(state, 'chunks'), signal: host.signal, toolVersion: toolVersion(), ...(signer ? { signer } : {}),
    packages: async manifest => await onGoldenDisk(manifest, store, host.run) ?? packagesOfManifest(manifest),
    stages: manifest => stagesOf(manifest, store),
  })
  progress(`sign: ${signed.packages} packages from ${signed.origin}`)
  if (!sign) progress(noKey('this release'))
  if (options.json) printJson(io, { release, signed: sign !== undefined, written: signed.written })
  else for (const path of signed.written) printLine(io, path)
}

async function onGoldenDisk(manifest: Manifest, store: Store, run: ReturnType<typeof openHost>['run']) {
  const disk = await goldenDiskOf(store, manifest.goldenKey)
  return disk && (await packagesOnDisk(disk.path, run))
}

/** Back along the keys, from the audit of the golden disk to the media. */
async function stagesOf({ goldenKey }: Manifest, store: Store): Promise<readonly StageFact[]> {
  const found: StageFact[] = []
  let key: unknown = goldenKey
  for (const [name, before] of [['audit', 'provision'], ['provision', 'install'], ['install', 'media'], ['media', '']] as const) {
    const record = (await store.history(name)).find(each => each.key === key)
    if (!record) break
    found.unshift({ name, key: record.key, inputs: record.inputs, seconds: record.seconds, created: record.created })
    key = (record.inputs as Readonly<Record<string, unknown>>)[before]
  }
  return found
}

function toolVersion(): string {
  return (JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }).version
}
