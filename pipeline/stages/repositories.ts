/** What the repositories of an el appliance offer today, and whether its other addresses answer: asked before a build, so that a missing package or a wrong key costs no VM. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { joinProblems, PipelineError } from '../errors/pipeline-error.js'
import {
  demoImageUnreachable, keyNotAlone, keyUnreachable, keyWrong, offlineWithoutRepositories, packagesMissing, repositoryUnreachable, repositoryUnusable,
} from '../errors/anaconda.js'
import { mirrored } from '../spec/mirrored.js'
import type { ElSpec, Spec } from '../spec/types.js'
import { askAddresses } from '../tools/answers.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Run } from '../tools/command.js'
import { getBytes } from '../tools/get-file.js'
import { digestOf, installable, parseRepomd, readsList } from '../tools/rpm-repository.js'

const answerTimeoutMs = 30_000

export interface RepositoryState {
  readonly id: string
  /** As the spec has it, not the mirror's. */
  readonly url: string
  /** Seconds since 1970. */
  readonly revision: number
  /** SHA-256 of its index, which holds those of its packages. */
  readonly sha256: string
}

export interface RepositoryRequest {
  readonly spec: Pick<Spec, 'name' | 'el'>
  /** Names that the kickstart installs through yum. */
  readonly packages: readonly string[]
  /** Whether the kickstart fetches the demo image. */
  readonly demoImage: boolean
  /** Lists that were read are kept here, by their digest. */
  readonly stateDirectory: string
  readonly offline: boolean
  readonly signal: AbortSignal
}

/**
 * In the order of the spec. Errors, all of one kind at once: `repository-unreachable`, `repository-unusable`,
 * `key-unreachable`, `demo-image-unreachable` (exit 4), `key-wrong`, `key-not-alone`, `packages-missing`, `offline-without-repositories` (2).
 */
export async function askRepositories(request: RepositoryRequest, run: Run): Promise<readonly RepositoryState[]> {
  const directory = join(request.stateDirectory, 'repositories')
  await mkdir(directory, { recursive: true })
  const known = join(directory, `${request.spec.name}-${wishesOf(request)}.json`)
  if (request.offline) return await readKnown(known, request.spec.name)
  await checkDemoImage(request)
  await checkKeys(request, run, directory)
  const asked = await collect(Object.entries(request.spec.el.repositories).map(([id, { url }]) => askOne({ id, url }, request, directory)))
  const missing = request.packages.filter(name => asked.every(({ offers }) => offers !== undefined && !offers.has(name)))
  // A repository whose list cannot be read here may have it.
  if (asked.length > 0 && missing.length > 0) throw packagesMissing(missing, asked.map(({ state }) => state.id))
  const states = asked.map(({ state }) => state)
  await writeFileAtomic(known, `${JSON.stringify(states, null, 2)}\n`)
  return states
}

/** Whether the rendered kickstart, not yet through a mirror, names the demo image. Pure. */
export function wantsDemoImage(kickstart: string, { demoImageUrl }: Pick<ElSpec, 'demoImageUrl'>): boolean {
  return demoImageUrl !== '' && kickstart.includes(demoImageUrl)
}

/** Names that the rendered kickstart gives to evc-install-packages. Pure. */
export function wantedPackages(kickstart: string): readonly string[] {
  const joined = kickstart.replace(/\\\n/g, ' ')
  const lists = [...joined.matchAll(/^\s*(?:\S*\/)?evc-install-packages +([^"\n|;&]+)$/gm)].map(([, words = '']) => words.trim().split(/\s+/))
  return [...new Set(lists.flat().filter(word => /^[A-Za-z0-9/]/.test(word)))].sort()
}

interface AskedOne {
  readonly state: RepositoryState
  /** Undefined where the list of packages is packed in a way that is not read here. */
  readonly offers: ReadonlySet<string> | undefined
}

async function askOne({ id, url }: { readonly id: string; readonly url: string }, request: RepositoryRequest, directory: string): Promise<AskedOne> {
  const base = mirrored(url, request.spec.el.mirror).replace(/\/*$/, '/')
  if (!/^https?:/.test(base)) return { state: { id, url, revision: 0, sha256: '' }, offers: undefined }
  const get = (path: string) => {
    const address = `${base}${path}`
    return getBytes(address, { signal: request.signal, failed: reason => repositoryUnreachable(id, address, reason) })
  }
  const index = await get('repodata/repomd.xml')
  const { revision, primary } = parseRepomd(index.toString('utf8'))
  if (!primary) throw repositoryUnusable(id, base, 'its repomd.xml names no list of packages')
  const state = { id, url, revision, sha256: digestOf(index, 'sha256') }
  if (!readsList(primary.path)) return { state, offers: undefined }
  const kept = join(directory, `${primary.digest}.names`)
  const names = await readFile(kept, 'utf8').catch(() => undefined)
  if (names !== undefined) return { state, offers: new Set(names.split('\n')) }
  const list = await get(primary.path)
  const found = digestOf(list, primary.algorithm)
  if (found !== primary.digest) throw repositoryUnusable(id, base, `its list of packages has the digest ${found}, not ${primary.digest}`)
  const offers = readList(list, { path: primary.path, id, base })
  await writeFileAtomic(kept, [...offers].join('\n'))
  return { state, offers }
}

function readList(list: Buffer, { path, id, base }: { readonly path: string; readonly id: string; readonly base: string }): ReadonlySet<string> {
  try {
    return installable(list, path)
  } catch (error) {
    throw repositoryUnusable(id, base, `its list of packages cannot be read: ${(error as Error).message}`)
  }
}

/** Keys that the guest fetches; one that comes with the system is compared there. */
async function checkKeys(request: RepositoryRequest, run: Run, directory: string): Promise<void> {
  const { el } = request.spec
  const checks = Object.entries(el.keys).map(async ([name, { url, fingerprint: wanted }]) => {
    const address = mirrored(url, el.mirror)
    if (!/^https?:/.test(address)) return
    const key = await getBytes(address, { signal: request.signal, failed: reason => keyUnreachable(name, address, reason) })
    await compareKey({ name, address, key, wanted }, run, directory)
  })
  await collect(checks)
}

/** Its answer alone: what it holds is compared by who fetches it. */
async function checkDemoImage({ spec: { el }, demoImage, signal }: RepositoryRequest): Promise<void> {
  const address = mirrored(el.demoImageUrl, el.mirror)
  if (!demoImage || !/^https?:/.test(address)) return
  const [asked] = await askAddresses([address], answerTimeoutMs, signal)
  if (asked?.problem !== undefined) throw demoImageUnreachable(asked.address, asked.problem)
}

export interface ComparedKey {
  readonly name: string
  /** Where it was found, for messages. */
  readonly address: string
  readonly key: Buffer
  /** Fingerprint of the spec. */
  readonly wanted: string
}

/** @param directory for gpg's own files. Errors: `key-wrong`, `key-not-alone` (exit 2), those of Run. */
export async function compareKey({ name, address, key, wanted }: ComparedKey, run: Run, directory: string): Promise<void> {
  const found = await fingerprintsOf(key, run, directory)
  if (found.length > 1) throw keyNotAlone(name, address, found)
  if (found[0] !== wanted) throw keyWrong(name, address, { wanted, found: found[0] ?? 'no key' })
}

/** Of every primary key in the file: rpm would import them all. The home folder is a new one: gpg would make the user's own. */
async function fingerprintsOf(key: Buffer, run: Run, directory: string): Promise<readonly string[]> {
  const home = await mkdtemp(join(directory, 'gpg-'))
  try {
    const command = ['gpg', '--batch', '--homedir', home, '--with-colons', '--show-keys'] as const
    const { stdout } = await run(command, { inputBytes: key, okCodes: [0, 2], reason: 'compare the keys of packages' })
    return [...stdout.matchAll(/^pub:.*\n(?:(?!pub:|sub:).*\n)*?fpr:(?:[^:]*:){8}([0-9A-F]{40}):/gm)].map(([, fingerprint = '']) => fingerprint)
  } finally {
    await rm(home, { recursive: true, force: true })
  }
}

/** All results, or every problem at once. */
async function collect<Value>(all: readonly Promise<Value>[]): Promise<readonly Value[]> {
  const settled = await Promise.allSettled(all)
  const reasons = settled.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []))
  const other = reasons.find(reason => !(reason instanceof PipelineError))
  if (other !== undefined) throw other
  if (reasons.length > 0) throw joinProblems(reasons.filter(reason => reason instanceof PipelineError))
  return settled.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
}

function wishesOf({ spec, packages }: RepositoryRequest): string {
  const urls = Object.values(spec.el.repositories).map(({ url }) => url)
  return createHash('sha256').update(JSON.stringify({ urls, packages })).digest('hex').slice(0, 16)
}

async function readKnown(path: string, appliance: string): Promise<readonly RepositoryState[]> {
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text === undefined) throw offlineWithoutRepositories(appliance)
  return JSON.parse(text) as readonly RepositoryState[]
}
