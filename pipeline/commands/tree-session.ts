/** Opens the published tree that the options name: bucket, keys, conditional writes; masks secrets in all that is said. */
import { join } from 'node:path'
import { treeUrlWrong } from '../errors/publish.js'
import { openConditionalWriter } from '../release/conditional.js'
import { joinKeys, ownPublicKeys, readTrustedKeys, secretKeys, secretsOf, signerOf } from '../release/keys.js'
import type { Tree } from '../release/published-tree.js'
import { openSerials } from '../release/seen.js'
import { normalizePrefix, urlPath } from '../release/tree.js'
import type { Host } from '../run/host.js'
import { createMasker } from '../tools/mask.js'
import { openBucket } from '../tools/s3.js'
import type { Bucket } from '../tools/s3.js'
import type { TrustedKeys } from '../tools/signature.js'
import type { CommandIo } from './io.js'
import { packageRoot, placesOf } from './places.js'
import type { TreeOptions, WriteOptions } from './tree-options.js'

export interface ReadableTree {
  readonly bucket: Bucket
  readonly prefix: string
  readonly trusted: TrustedKeys
  readonly run: Host['run']
}

const dayMs = 24 * 60 * 60 * 1000

/** Errors: `tree-url-wrong`, `endpoint-wrong`, `trusted-key-unreadable` (exit 2). */
export async function openReadableTree(options: TreeOptions, host: Host, io: CommandIo): Promise<ReadableTree> {
  const { bucket, prefix } = parseTreeUrl(options.to)
  const opened = await openBucket({
    bucket, env: io.env, signal: host.signal, patienceMs: options.patience * 1000, progress: progressOf(io),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    ...(options.pathStyle === undefined ? {} : { pathStyle: options.pathStyle }),
  })
  return { bucket: opened, prefix, trusted: await readTrustedKeys(options.key, join(packageRoot, 'keys')), run: host.run }
}

/** As a command that changes the tree sees it, for one that does not: nothing is sent but questions. */
export interface TreeToLook extends ReadableTree, Pick<Tree, 'serials' | 'now' | 'sign' | 'adoptUnsigned'> {
  readonly acceptOlder: boolean
}

/** Errors: besides those of openReadableTree, `sign-key-unusable` (exit 3). */
export async function openTreeToLook(options: WriteOptions, host: Host, io: CommandIo): Promise<TreeToLook> {
  const readable = await openReadableTree(options, host, io)
  const keys = secretKeys(options, io.env)
  const [own, sign] = [await ownPublicKeys(keys, host.run), signerOf(keys, host.run)]
  const serials = await openSerials({ base: publicUrlOf({}, readable), file: join(placesOf(options).state, 'publish/seen.json') })
  return {
    ...readable, trusted: joinKeys([readable.trusted, own]), serials, now: () => new Date(), ...(sign ? { sign } : {}),
    acceptOlder: options.acceptOlder ?? false, adoptUnsigned: options.adoptUnsigned ?? false,
  }
}

/** Errors: besides, those of the S3 server (exit 6). */
export async function openTree(options: WriteOptions, host: Host, io: CommandIo): Promise<Tree> {
  const looking = await openTreeToLook(options, host, io)
  const { bucket, prefix, sign } = looking
  const { signal } = host
  const progress = progressOf(io)
  if (!sign) progress('no key given: what is written is not signed, and readers are told so')
  const patienceMs = options.patience * 1000
  const writer = await openConditionalWriter({ bucket, prefix, signal, patienceMs, progress })
  return {
    ...looking, writer, signal, progress, validMs: options.validDays * dayMs,
    ...(options.publicUrl === undefined ? {} : { publicUrl: publicUrlOf(options, looking) }),
  }
}

/** Errors: `tree-url-wrong` (exit 2). */
export function parseTreeUrl(text: string): { readonly bucket: string; readonly prefix: string } {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(text) ?? []
  const normal = normalizePrefix(prefix)
  if (bucket === undefined || normal.split('/').some(part => part === '..' || part === '.')) throw treeUrlWrong(text)
  return { bucket, prefix: normal }
}

/** Where people find the tree, ending in a slash. */
export function publicUrlOf({ publicUrl }: Pick<WriteOptions, 'publicUrl'>, { bucket, prefix }: Pick<Tree, 'bucket' | 'prefix'>): string {
  if (publicUrl !== undefined) return publicUrl.replace(/\/*$/, '/')
  return `${bucket.address}/${urlPath(prefix)}`
}

export function progressOf(io: CommandIo): (line: string) => void {
  const mask = createMasker(secretsOf(io.env))
  return line => io.stderr.write(`${mask(line)}\n`)
}
