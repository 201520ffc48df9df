/** One bucket of an S3 server: the only place that imports the AWS SDK. Every request is tried again while that makes sense. */
import type { Readable } from 'node:stream'
import type { CompletedPart, Part, PutObjectCommandInput } from '@aws-sdk/client-s3'
import { endpointWrong } from '../errors/publish.js'
import { documentWrong } from '../errors/signature.js'
import { interrupted } from '../errors/tools.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { documentLimitBytes } from './document-limit.js'
import { delayMs, pause } from './retry.js'
import { classify, notImplemented } from './s3-answer.js'
import type { S3Failure } from './s3-answer.js'
import { maskedUrl } from './url-secrets.js'

export interface BucketOptions {
  readonly bucket: string
  /** Absent: AWS_ENDPOINT_URL, else AWS itself. */
  readonly endpoint?: string
  readonly region?: string
  readonly profile?: string
  /** `http://server/bucket/key` instead of `http://bucket.server/key`. @default true with an endpoint of one's own */
  readonly pathStyle?: boolean
  readonly env: Readonly<Record<string, string | undefined>>
  readonly signal: AbortSignal
  /** How long one request is tried again when the server fails or is gone. */
  readonly patienceMs: number
  readonly progress: (line: string) => void
}

export interface StoredObject {
  readonly key: string
  readonly sizeBytes: number
  /** Without quotes. */
  readonly etag: string
  readonly modifiedMs: number
}

export interface ObjectHeaders {
  readonly contentType: string
  readonly cacheControl: string
  readonly contentDisposition?: string
  /** Lower-case hex of the whole file, kept beside it. */
  readonly sha256: string
}

export interface Body {
  readonly lengthBytes: number
  /** Lower-case hex; servers check it as part of the request's signature. */
  readonly sha256: string
  /** Lower-case hex. */
  readonly md5: string
  /** Called for each try. */
  readonly open: () => Readable | Buffer
}

/** A write that happens only when the object is as it was read: not there (null), or with this ETag. */
export interface Condition {
  readonly etag: string | null
  /** How the server wants an ETag written: RGW 16.2 compares the header's bytes with its own bare value. */
  readonly quoted: boolean
}

export interface Upload {
  readonly key: string
  readonly id: string
  readonly startedMs: number
}

export interface UploadedPart {
  readonly number: number
  readonly sizeBytes: number
  readonly etag: string
  /** Lower-case hex; absent from servers that compute none. */
  readonly sha256?: string
}

export type FinishedPart = Omit<UploadedPart, 'sizeBytes'>

/** What the server said of stored bytes. */
export interface Receipt {
  readonly etag: string
  /** The server computed a SHA-256 itself, and it is the one sent. */
  readonly sha256Confirmed: boolean
  /** ETags are no MD5 then. */
  readonly encrypted: boolean
}

export interface Bucket {
  readonly name: string
  /** `http://host:port`, or `AWS eu-central-1`. */
  readonly server: string
  /** Where its objects are on the web, without a slash at the end: `http://host:port/bucket`, `https://bucket.s3.amazonaws.com`. */
  readonly address: string
  /** A document; undefined when there is no such object. Errors: `document-wrong` (exit 5): it is larger than documentLimitBytes. */
  get(key: string): Promise<{ readonly text: string; readonly etag: string } | undefined>
  head(key: string): Promise<(StoredObject & { readonly sha256?: string }) | undefined>
  /** Everything below a prefix, in key order. */
  list(prefix: string): Promise<readonly StoredObject[]>
  /** Names of the folders directly below a prefix, without their slash. */
  folders(prefix: string): Promise<readonly string[]>
  put(key: string, body: Body, headers: ObjectHeaders): Promise<Receipt>
  /** One try: undefined when the condition did not hold; a failed answer is thrown as `UnclearAnswer`, for nobody knows what it did. */
  putIf(key: string, body: Body, headers: ObjectHeaders, condition: Condition): Promise<Receipt | undefined>
  /** One try, ended after so long; a failed answer, or none in time, is thrown as `UnclearAnswer`: nobody knows what it did. */
  tryPut(key: string, body: Body, headers: ObjectHeaders, limitMs: number): Promise<Receipt>
  remove(keys: readonly string[]): Promise<void>
  /** Makes the bucket itself; a bucket of one's own that is there already is no error. */
  create(): Promise<void>
  startUpload(key: string, headers: ObjectHeaders): Promise<string>
  /** Undefined when the server knows no such upload. */
  putPart(upload: { readonly key: string; readonly id: string }, number: number, body: Body): Promise<Receipt | undefined>
  /** Undefined when the server knows no such upload. */
  listParts(upload: { readonly key: string; readonly id: string }): Promise<readonly UploadedPart[] | undefined>
  /**
   * False: the server misses a part, or knows no such upload. A part whose SHA-256 the server has confirmed must be
   * named with it: AWS refuses the whole otherwise.
   */
  finishUpload(upload: { readonly key: string; readonly id: string }, parts: readonly FinishedPart[]): Promise<boolean>
  abortUpload(upload: { readonly key: string; readonly id: string }): Promise<void>
  /** Unfinished ones below a prefix. */
  listUploads(prefix: string): Promise<readonly Upload[]>
  /** The same bucket; `hold` is called before each try of each request that changes something, and an error of it ends the request. */
  holding(hold: () => Promise<void>): Bucket
  close(): void
}

/** A failed answer to a write that is tried once, as an error that can be thrown. */
export class UnclearAnswer extends Error {
  readonly failure: S3Failure

  constructor(failure: S3Failure) {
    super(failure.answer)
    this.failure = failure
  }
}

const defaultRegion = 'us-east-1'
const connectTimeoutMs = 10_000
/** Without a byte for so long, a connection counts as dead. */
const idleTimeoutMs = 60_000

/**
 * The server of one's own that the options or the environment name; undefined for AWS's.
 * Errors: `endpoint-wrong` (exit 2), also for one with a password: it would be shown, and published with the tree.
 */
export function endpointOf({ endpoint, env }: Pick<BucketOptions, 'endpoint' | 'env'>): string | undefined {
  const text = endpoint ?? (env['AWS_ENDPOINT_URL_S3'] || env['AWS_ENDPOINT_URL'] || undefined)
  return text === undefined ? undefined : checkedEndpoint(text)
}

function checkedEndpoint(text: string): string {
  const { protocol, username, password } = URL.canParse(text) ? new URL(text) : { protocol: '', username: '', password: '' }
  if (!/^https?:$/.test(protocol) || username !== '' || password !== '') throw endpointWrong(maskedUrl(text))
  return text
}

/** What only the SDK finds: `endpoint_url` in AWS' configuration files, of the profile that counts. */
async function configuredEndpoint(sdk: Sdk): Promise<string | undefined> {
  const client = new sdk.S3Client({ region: defaultRegion })
  client.destroy()
  const text = await (client.config as { readonly serviceConfiguredEndpoint?: () => Promise<string | undefined> }).serviceConfiguredEndpoint?.()
  return text === undefined || text === '' ? undefined : checkedEndpoint(text)
}

/** The profile's; a server of one's own rarely cares, so that it needs none. */
async function configuredRegion(sdk: Sdk, { profile }: BucketOptions): Promise<string> {
  const client = new sdk.S3Client(profile === undefined ? {} : { profile })
  client.destroy()
  return await client.config.region().catch(() => defaultRegion)
}

/** @param endpoint undefined: AWS */
function addressOf(bucket: string, endpoint: string | undefined, pathStyle: boolean): string {
  if (endpoint === undefined) return `https://${bucket}.s3.amazonaws.com`
  const base = endpoint.replace(/\/*$/, '')
  return pathStyle ? `${base}/${bucket}` : base.replace('://', `://${bucket}.`)
}

/** Loads the SDK, which takes half a second. Sends nothing yet. Errors: `endpoint-wrong` (exit 2). */
export async function openBucket(options: BucketOptions): Promise<Bucket> {
  // The SDK warns on stderr that versions of next year want a newer Node; this one is pinned.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'
  const sdk = await import('@aws-sdk/client-s3')
  // The SDK looks for an endpoint in the environment's profile only, whatever profile its client has.
  if (options.profile !== undefined) process.env['AWS_PROFILE'] = options.profile
  const endpoint = endpointOf(options) ?? (await configuredEndpoint(sdk))
  const pathStyle = options.pathStyle ?? endpoint !== undefined
  const region = options.region ?? (options.env['AWS_REGION'] || options.env['AWS_DEFAULT_REGION'] || undefined)
  const client = new sdk.S3Client({
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? (endpoint === undefined ? {} : { region: await configuredRegion(sdk, options) }) : { region }),
    ...(options.profile === undefined ? {} : { profile: options.profile }),
    forcePathStyle: pathStyle,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: 1,
    requestHandler: { connectionTimeout: connectTimeoutMs, socketTimeout: idleTimeoutMs, httpAgent: { maxSockets: 16 }, httpsAgent: { maxSockets: 16 } },
    // Its own lines would go to the console past our masks.
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const checksums = { refused: false }
  presetBodyHash(client, checksums)
  const server = endpoint ?? `AWS ${region ?? ''}`.trim()
  return bucketOf({ options, sdk, client, checksums, hold: async () => {}, server, address: addressOf(options.bucket, endpoint, pathStyle) })
}

type Sdk = typeof import('@aws-sdk/client-s3')

interface Connection {
  readonly options: BucketOptions
  readonly sdk: Sdk
  readonly client: InstanceType<Sdk['S3Client']>
  readonly server: string
  readonly address: string
  /** The server knows no SHA-256 checksums: Content-MD5, the ETag and the signature over the body's hash vouch for what is sent. */
  readonly checksums: { refused: boolean }
  /** Before each try of what changes something. */
  readonly hold: () => Promise<void>
}

function bucketOf(connection: Connection): Bucket {
  const { sdk, client, options } = connection
  const { signal } = options
  const Bucket = options.bucket
  const abort = { abortSignal: signal }
  const ask = <Value>(doing: string, work: () => Promise<Value>) => persist(connection, doing, work)
  const change = <Value>(doing: string, work: () => Promise<Value>) => ask(doing, async () => {
    await connection.hold()
    return await work()
  })
  const send = <Value>(doing: string, work: () => Promise<Value>) => change(doing, () => withoutRefused(connection, work))
  const place = ({ key, id }: { readonly key: string; readonly id: string }) => ({ Bucket, Key: key, UploadId: id })
  return {
    name: Bucket,
    server: connection.server,
    address: connection.address,
    get: key => ask(`reading ${key}`, () => absent(async () => {
      const { Body, ContentLength, ETag } = await client.send(new sdk.GetObjectCommand({ Bucket, Key: key }), abort)
      return { text: await documentText(key, Body as Readable | undefined, ContentLength), etag: bare(ETag) }
    })),
    head: key => ask(`looking for ${key}`, () => absent(async () => {
      const found = await client.send(new sdk.HeadObjectCommand({ Bucket, Key: key }), abort).catch(error => sayWhy(error, connection, key))
      const sha256 = found.Metadata?.['sha256']
      return { ...objectOf({ ...found, Key: key, Size: found.ContentLength }), ...(sha256 === undefined ? {} : { sha256 }) }
    })),
    list: prefix => collect(async token => {
      const page = await ask(`listing ${prefix}`, () =>
        client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: prefix, ContinuationToken: token }), abort))
      return { items: (page.Contents ?? []).map(objectOf), next: page.NextContinuationToken }
    }),
    folders: prefix => collect(async token => {
      const page = await ask(`listing ${prefix}`, () =>
        client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix: prefix, Delimiter: '/', ContinuationToken: token }), abort))
      return { items: (page.CommonPrefixes ?? []).map(each => (each.Prefix ?? '').slice(prefix.length, -1)), next: page.NextContinuationToken }
    }),
    put: (key, body, headers) => send(`uploading ${key}`, async () => receiptOf(await client.send(putCommand(sdk, { Bucket, Key: key }, body, headers), abort), body)),
    putIf: async (key, body, headers, condition) => {
      const wanted = condition.etag === null ? { IfNoneMatch: '*' } : { IfMatch: condition.quoted ? `"${condition.etag}"` : condition.etag }
      return await once(connection, `writing ${key}`, async () => {
        try {
          return receiptOf(await client.send(putCommand(sdk, { Bucket, Key: key, ...wanted }, body, headers), abort), body)
        } catch (error) {
          if (!signal.aborted && isUnmet(error, condition)) return undefined
          throw error
        }
      })
    },
    tryPut: (key, body, headers, limitMs) => once(connection, `writing ${key}`, async () => {
      const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(limitMs)])
      return receiptOf(await client.send(putCommand(sdk, { Bucket, Key: key }, body, headers), { abortSignal }), body)
    }),
    // One by one: DeleteObjects wants a Content-MD5 on some servers and refuses it on others.
    remove: async keys => {
      for (const key of keys) await change(`deleting ${key}`, () => client.send(new sdk.DeleteObjectCommand({ Bucket, Key: key }), abort))
    },
    create: async () => {
      await ask(`making the bucket ${Bucket}`, () => client.send(new sdk.CreateBucketCommand({ Bucket }), abort))
    },
    startUpload: (key, headers) => send(`starting the upload of ${key}`, async () => {
      const { UploadId } = await client.send(new sdk.CreateMultipartUploadCommand({ Bucket, Key: key, ChecksumAlgorithm: 'SHA256', ...headersOf(headers) }), abort)
      return UploadId ?? ''
    }),
    putPart: (upload, number, body) => send(`uploading part ${number} of ${upload.key}`, () => absent(async () => {
      const command = new sdk.UploadPartCommand({ ...place(upload), PartNumber: number, ...bodyOf(body) })
      return receiptOf(await client.send(command, abort), body)
    })),
    listParts: upload => ask(`listing the parts of ${upload.key}`, () => absent(() => collect(async marker => {
      const page = await client.send(new sdk.ListPartsCommand({ ...place(upload), PartNumberMarker: marker }), abort)
      const items = (page.Parts ?? []).map(partOf)
      return { items, next: page.IsTruncated ? page.NextPartNumberMarker : undefined }
    }))),
    finishUpload: (upload, parts) => change(`finishing the upload of ${upload.key}`, async () => {
      try {
        await client.send(new sdk.CompleteMultipartUploadCommand({ ...place(upload), MultipartUpload: { Parts: parts.map(completedPart) } }), abort)
        return true
      } catch (error) {
        if (/^(InvalidPart|InvalidPartOrder|NoSuchUpload|EntityTooSmall)$/.test((error as Error).name)) return false
        throw error
      }
    }),
    abortUpload: async upload => {
      await ask(`ending the upload of ${upload.key}`, () => absent(() => client.send(new sdk.AbortMultipartUploadCommand(place(upload)), abort)))
    },
    listUploads: prefix => collect(async token => {
      const [KeyMarker, UploadIdMarker] = token === undefined ? [] : (JSON.parse(token) as [string, string])
      const page = await ask(`listing uploads below ${prefix}`, () =>
        client.send(new sdk.ListMultipartUploadsCommand({ Bucket, Prefix: prefix, KeyMarker, UploadIdMarker }), abort))
      const items = (page.Uploads ?? []).map(each => ({ key: each.Key ?? '', id: each.UploadId ?? '', startedMs: each.Initiated?.getTime() ?? 0 }))
      return { items, next: page.IsTruncated ? JSON.stringify([page.NextKeyMarker, page.NextUploadIdMarker]) : undefined }
    }),
    holding: hold => bucketOf({ ...connection, hold }),
    close: () => client.destroy(),
  }
}

/** Errors: `document-wrong` (exit 5). @param announcedBytes what the server says before it sends anything, and need not keep to */
async function documentText(key: string, body: Readable | undefined, announcedBytes = 0): Promise<string> {
  const requireFit = (lengthBytes: number) => {
    if (lengthBytes <= documentLimitBytes) return
    body?.destroy()
    throw documentWrong(key, [`it has more than ${documentLimitBytes / 1024 / 1024} MiB`])
  }
  requireFit(announcedBytes)
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of body ?? []) {
    bytes += (part as Buffer).length
    requireFit(bytes)
    parts.push(part as Buffer)
  }
  return Buffer.concat(parts).toString('utf8')
}

/** AWS says of an object that is gone that there is none (404), other servers that it is not as it was (412). */
function isUnmet(error: unknown, { etag }: Condition): boolean {
  return classify(error)?.status === 412 || (etag !== null && (error as Error).name === 'NoSuchKey')
}

/** Errors: besides those of `persist`, `UnclearAnswer` where another try might help. */
async function once<Value>(connection: Connection, doing: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    const failure = connection.options.signal.aborted ? undefined : classify(error)
    if (failure === undefined || failure.kind === 'final') throw explain(error, connection, doing, 0)
    throw new UnclearAnswer(failure)
  }
}

/** Errors: those of errors/publish.ts (exit 6), `interrupted` (exit 130). */
async function persist<Value>(connection: Connection, doing: string, work: () => Promise<Value>): Promise<Value> {
  const { signal, patienceMs, progress } = connection.options
  let failedSince: number | undefined
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work()
    } catch (error) {
      if (signal.aborted) throw signal.reason instanceof PipelineError ? signal.reason : interrupted()
      if (error instanceof PipelineError) throw error
      failedSince ??= Date.now()
      const triedMs = Date.now() - failedSince
      const failure = classify(error)
      const tries = failure?.kind === 'again' ? Infinity : failure?.kind === 'final' ? 0 : 3
      if (!failure || attempt >= tries || triedMs > patienceMs) throw explain(error, connection, doing, triedMs)
      if (attempt % 4 === 1) progress(`${doing}: ${connection.server}: ${failure.answer}; trying again`)
      await pause(Math.min(delayMs(attempt), Math.max(50, patienceMs - triedMs)), signal)
    }
  }
}

function explain(error: unknown, { options, server }: Connection, doing: string, triedMs: number): unknown {
  if (options.signal.aborted) return options.signal.reason instanceof PipelineError ? options.signal.reason : interrupted()
  return classify(error)?.error({ doing: sentence(doing), bucket: options.bucket, server }, Math.round(triedMs / 1000)) ?? error
}

function sentence(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/**
 * An answer to HEAD has no body, so it does not say what is wrong: AWS's 400 may be credentials that have expired. A list is
 * asked, which would fail alike. Throws its answer, or the first one where it is fine.
 */
async function sayWhy(error: unknown, { sdk, client, options }: Connection, key: string): Promise<never> {
  if (!options.signal.aborted && classify(error)?.isBare) {
    await client.send(new sdk.ListObjectsV2Command({ Bucket: options.bucket, Prefix: key, MaxKeys: 1 }), { abortSignal: options.signal })
  }
  throw error
}

/**
 * Cloudflare R2 answers "not implemented" to each part with a SHA-256 checksum, others to an upload that is begun with
 * one. Such a server is asked once more without, and from then on.
 */
async function withoutRefused<Value>({ checksums, options }: Connection, work: () => Promise<Value>): Promise<Value> {
  const sentWithout = checksums.refused
  try {
    return await work()
  } catch (error) {
    if (sentWithout || options.signal.aborted || classify(error)?.status !== notImplemented) throw error
    checksums.refused = true
    return await work()
  }
}

/** What is not there is an answer, not an error. A bucket that is not there is one. */
async function absent<Value>(work: () => Promise<Value>): Promise<Value | undefined> {
  try {
    return await work()
  } catch (error) {
    if (/^(NoSuchKey|NotFound|NoSuchUpload)$/.test((error as Error).name)) return undefined
    throw error
  }
}

async function collect<Item>(read: (token: string | undefined) => Promise<{ readonly items: readonly Item[]; readonly next: string | undefined }>): Promise<readonly Item[]> {
  const all: Item[] = []
  let token: string | undefined
  do {
    const page = await read(token)
    all.push(...page.items)
    token = page.next
  } while (token !== undefined)
  return all
}

function putCommand(sdk: Sdk, place: Pick<PutObjectCommandInput, 'Bucket' | 'Key' | 'IfMatch' | 'IfNoneMatch'>, body: Body, headers: ObjectHeaders) {
  return new sdk.PutObjectCommand({ ...place, ...bodyOf(body), ...headersOf(headers) })
}

function headersOf({ contentType, cacheControl, contentDisposition, sha256 }: ObjectHeaders) {
  return {
    ContentType: contentType,
    CacheControl: cacheControl,
    ...(contentDisposition === undefined ? {} : { ContentDisposition: contentDisposition }),
    Metadata: { sha256 },
  }
}

/** Content-MD5, too: servers that do not know SHA-256 checksums ignore them in silence, but honour this one. */
function bodyOf(body: Body) {
  return {
    Body: body.open(),
    ContentLength: body.lengthBytes,
    ContentMD5: base64(body.md5),
    ChecksumSHA256: base64(body.sha256),
  }
}

const checksumHeaders = ['x-amz-checksum-algorithm', 'x-amz-checksum-sha256'] as const

/** The signature covers this hash of the body: with it, every server checks the bytes, and a stream is not read for it. */
function presetBodyHash(client: Connection['client'], checksums: Connection['checksums']): void {
  client.middlewareStack.add(
    next => args => {
      const { input } = args
      const { headers } = (args as { request?: { headers?: Record<string, string> } }).request ?? {}
      const sum = 'Body' in input ? input.ChecksumSHA256 : undefined
      if (headers && sum) headers['x-amz-content-sha256'] = Buffer.from(sum, 'base64').toString('hex')
      if (headers && checksums.refused) for (const name of checksumHeaders) delete headers[name]
      return next(args)
    },
    // Before the request is signed, and after the SDK's own checksums.
    { step: 'build', name: 'presetBodyHash', priority: 'low' }
  )
}

function receiptOf(answer: { readonly ETag?: string | undefined; readonly ChecksumSHA256?: string | undefined; readonly ServerSideEncryption?: string | undefined }, body: Body): Receipt {
  return {
    etag: bare(answer.ETag),
    sha256Confirmed: answer.ChecksumSHA256 === base64(body.sha256),
    encrypted: /kms/.test(answer.ServerSideEncryption ?? ''),
  }
}

function partOf(part: Part): UploadedPart {
  const { PartNumber: number = 0, Size: sizeBytes = 0, ETag, ChecksumSHA256: sum } = part
  return { number, sizeBytes, etag: bare(ETag), ...(sum ? { sha256: Buffer.from(sum, 'base64').toString('hex') } : {}) }
}

function completedPart({ number, etag, sha256 }: FinishedPart): CompletedPart {
  return { PartNumber: number, ETag: `"${etag}"`, ...(sha256 === undefined ? {} : { ChecksumSHA256: base64(sha256) }) }
}

function objectOf(found: { readonly Key?: string | undefined; readonly Size?: number | undefined; readonly ETag?: string | undefined; readonly LastModified?: Date | undefined }): StoredObject {
  return { key: found.Key ?? '', sizeBytes: found.Size ?? 0, etag: bare(found.ETag), modifiedMs: found.LastModified?.getTime() ?? 0 }
}

function bare(etag: string | undefined): string {
  return (etag ?? '').replace(/^W\//, '').replaceAll('"', '')
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}
