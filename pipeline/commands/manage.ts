/** `pipeline releases`, `promote`, `retract` and `prune`: what is done to a published tree after publishing. */
import { nameUnsafe } from '../errors/publish.js'
import { listTree, promote, retract } from '../release/manage.js'
import { prune, wouldPrune } from '../release/prune.js'
import type { ListedTree } from '../release/manage.js'
import type { Pruned } from '../release/prune.js'
import type { Tree } from '../release/published-tree.js'
import { isSafeName } from '../release/tree.js'
import { listAppliances } from '../release/views.js'
import { openHost } from '../run/host.js'
import type { Host } from '../run/host.js'
import { gib } from '../plan/format.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { TreeOptions, WriteOptions } from './tree-options.js'
import { openReadableTree, openTree, openTreeToLook, publicUrlOf } from './tree-session.js'

/** Prints channels and releases of every appliance, or of one. Errors: those of the S3 server (exit 6), `signature-wrong` (5). */
export async function runReleases(appliance: string | undefined, options: TreeOptions, io: CommandIo): Promise<void> {
  if (appliance !== undefined) requireNames({ appliance })
  const host = openHost(io)
  try {
    const tree = await openReadableTree(options, host, io)
    try {
      const names = appliance === undefined ? await listAppliances(tree) : [appliance]
      const found = (await Promise.all(names.map(name => listTree(tree, name)))).flatMap(each => each ?? [])
      if (tree.trusted.ssh.length + tree.trusted.openpgp.length === 0) io.stderr.write('no trusted key (--key, keys/): signatures were not checked\n')
      if (options.json) return printJson(io, found)
      if (found.length === 0) io.stderr.write('nothing is published there\n')
      for (const each of found) for (const line of linesOf(each)) printLine(io, line)
    } finally {
      tree.bucket.close()
    }
  } finally {
    host.close()
  }
}

/** One line for each channel, then one for each release. Pure. */
export function linesOf({ appliance, signed, channels, releases }: ListedTree): string[] {
  const pointing = (version: string) => channels.filter(channel => channel.version === version).map(({ channel }) => channel)
  return [
    ...channels.map(({ channel, version, expires, signed: sealed }) => `${appliance} ${channel} -> ${version ?? 'nothing'}, until ${expires.slice(0, 10)}${sealed ? '' : ', UNSIGNED'}`),
    ...releases.map(({ version, date, totalBytes, targets, verified, retracted, signed: sealed }) => {
      // What an unsigned list says of signatures counts for nothing.
      const marks = [...pointing(version), ...(verified ? [] : ['NOT VERIFIED']), ...(signed && sealed ? [] : ['UNSIGNED']), ...(retracted ? [`retracted: ${retracted.reason}`] : [])]
      return `${appliance} ${version}  ${date.slice(0, 10)}  ${gib(totalBytes)}  ${targets.join(',')}${marks.length > 0 ? `  (${marks.join(', ')})` : ''}`
    }),
  ]
}

/** Prints the version that both channels point to now. */
export async function runPromote(from: string, to: string, options: WriteOptions, io: CommandIo): Promise<void> {
  requireNames({ channel: from, 'other channel': to })
  await change(options, io, async tree => {
    const { version, moved } = await promote(tree, { appliance: options.appliance, from, to, publicUrl: publicUrlOf(options, tree) })
    tree.progress(`promote: ${to} ${moved ? 'now points' : 'points'} to ${version}`)
    if (options.json) printJson(io, { version, channel: to, moved })
    else printLine(io, version)
  })
}

export interface RetractOptions extends WriteOptions {
  readonly reason: string
}

/** Prints where each channel points that pointed to it. */
export async function runRetract(what: string, options: RetractOptions, io: CommandIo): Promise<void> {
  await change(options, io, async tree => {
    const { version, channels } = await retract(tree, { appliance: options.appliance, what, reason: options.reason, publicUrl: publicUrlOf(options, tree) })
    tree.progress(`retract: ${version} is taken back; its files stay`)
    if (options.json) return printJson(io, { version, channels })
    for (const [channel, now] of Object.entries(channels)) printLine(io, `${channel} -> ${now ?? 'nothing'}`)
  })
}

export interface PruneOptions extends WriteOptions {
  readonly keep: number
  readonly keepStable: number | 'all'
  readonly staleDays: number
  readonly dryRun?: boolean
}

/** Prints the versions that are gone, or would go. */
export async function runPrune(options: PruneOptions, io: CommandIo): Promise<void> {
  const { appliance, keep, keepStable, dryRun = false } = options
  const pruning = { appliance, keep, keepStable, staleMs: options.staleDays * 24 * 60 * 60 * 1000 }
  if (dryRun) await using(openTreeToLook, options, io, async tree => printPruned(await wouldPrune(tree, pruning), options, io))
  else await change(options, io, async tree => printPruned(await prune(tree, { ...pruning, publicUrl: publicUrlOf(options, tree) }), options, io))
}

function printPruned(pruned: Pruned, { json, dryRun = false }: PruneOptions, io: CommandIo): void {
  if (json) return printJson(io, { ...pruned, dryRun })
  const gone = dryRun ? 'would remove' : 'removed'
  for (const version of pruned.removed) printLine(io, `${gone} ${version}`)
  for (const name of pruned.leftovers) printLine(io, `${gone} ${name} (left by a killed command)`)
  for (const name of pruned.strange) printLine(io, `left ${name} (nothing in it says that it was a release)`)
  printLine(io, `${dryRun ? 'would free' : 'freed'} ${gib(pruned.freedBytes)}`)
}

async function change(options: WriteOptions, io: CommandIo, work: (tree: Tree) => Promise<void>): Promise<void> {
  await using(openTree, options, io, work)
}

async function using<Opened extends Pick<Tree, 'bucket'>>(
  open: (options: WriteOptions, host: Host, io: CommandIo) => Promise<Opened>, options: WriteOptions, io: CommandIo, work: (tree: Opened) => Promise<void>
): Promise<void> {
  requireNames({ appliance: options.appliance })
  const host = openHost(io)
  try {
    const tree = await open(options, host, io)
    try {
      await work(tree)
    } finally {
      tree.bucket.close()
    }
  } finally {
    host.close()
  }
}

/** Errors: `name-unsafe` (exit 2). */
function requireNames(names: Readonly<Record<string, string>>): void {
  for (const [kind, name] of Object.entries(names)) if (!isSafeName(name)) throw nameUnsafe(kind, name)
}
