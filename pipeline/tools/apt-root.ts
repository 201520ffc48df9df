/** A private apt: sources, lists and settings of its own. Of this host it takes proxies, credentials and certificates. */
import { link, mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { syncTree } from './atomic-file.js'
import { formatSource } from './deb-sources.js'
import type { DebSource } from './deb-sources.js'
import { readProcess } from './process.js'

export interface AptRequest {
  readonly sources: readonly DebSource[]
  /** The private root is made in this folder, and removed: its sources may hold a password. */
  readonly directory: string
  /** Folder with the lists of the last time, so that the mirror need only say "not modified". May be absent. */
  readonly kept: string
  /** Masked in errors. */
  readonly secrets: readonly string[]
}

export interface AptRoot extends AptRequest {
  /** For `apt-get --config-file`. */
  readonly config: string
  readonly lists: string
}

/**
 * Gives `work` a root of its own, so that a plan beside a build does not take the other's away. Errors: those of
 * `work`, the file system's own.
 */
export async function withApt<Result>(request: AptRequest, work: (root: AptRoot) => Promise<Result>): Promise<Result> {
  await removeStale(request.directory)
  const directory = await mkdtemp(join(request.directory, `apt-${process.pid}-`))
  const root = { ...request, config: join(directory, 'apt.conf'), lists: join(directory, 'lists') }
  try {
    for (const folder of ['lists/partial', 'cache/archives/partial', 'preferences.d']) {
      await mkdir(join(directory, folder), { recursive: true })
    }
    await writeFile(join(directory, 'status'), '')
    await writeFile(join(directory, 'sources.list'), `${request.sources.map(formatSource).join('\n')}\n`, { mode: 0o600 })
    await writeFile(root.config, settings(directory), { mode: 0o600 })
    await takeLists(request.kept, root.lists)
    return await work(root)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Puts the lists where the next root finds them, unless they are those; `kept` is whole at any time. */
export async function keepLists({ kept, lists }: AptRoot): Promise<void> {
  const [before, now] = await Promise.all([inodesIn(kept), inodesIn(lists)])
  if (before.size === now.size && [...now].every(([name, inode]) => before.get(name) === inode)) return
  await syncTree(lists)
  await rm(kept, { recursive: true, force: true })
  await rename(lists, kept).catch((error: NodeJS.ErrnoException) => {
    // Another run has just put its own there, which serve as well.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
}

async function inodesIn(directory: string): Promise<ReadonlyMap<string, number>> {
  const names = await listNames(directory)
  return new Map(await Promise.all(names.map(async name => [name, (await stat(join(directory, name))).ino] as const)))
}

/** Files only, without apt's lock; none where there is no such folder. */
async function listNames(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  return entries.filter(entry => entry.isFile() && entry.name !== 'lock').map(({ name }) => name)
}

/** Links are enough: apt replaces files, it does not write into them. */
async function takeLists(kept: string, lists: string): Promise<void> {
  const names = await listNames(kept)
  // A run beside this one may be replacing them; what is missing, apt fetches.
  await Promise.all(names.map(name => link(join(kept, name), join(lists, name)).catch(() => {})))
}

/** What a killed run left; another run that is alive keeps its own. */
async function removeStale(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const pid = /^apt-(\d+)-\w+$/.exec(name)?.[1]
    if (pid === undefined || readProcess(Number(pid))) continue
    await rm(join(directory, name), { recursive: true, force: true })
  }
}

/**
 * Read after the host's own configuration, so what could change the answer or touch the host is taken back: pins,
 * the default release, hooks, and indexes that only its own programs want.
 */
function settings(directory: string): string {
  const values = {
    'APT::Architecture': 'amd64',
    'APT::Architectures': 'amd64',
    'APT::Default-Release': '',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Acquire::Retries': '2',
    'Acquire::IndexTargets::deb::Packages::MetaKey': '$(COMPONENT)/binary-$(ARCHITECTURE)/Packages',
    'Acquire::IndexTargets::deb::Packages::flatMetaKey': 'Packages',
    'Acquire::IndexTargets::deb::Packages::ShortDescription': 'Packages',
    'Acquire::IndexTargets::deb::Packages::Description': '$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages',
    'Acquire::IndexTargets::deb::Packages::flatDescription': '$(RELEASE) Packages',
    'Dir::Etc::SourceList': join(directory, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': join(directory, 'preferences.d'),
    'Dir::State': directory,
    'Dir::State::Lists': join(directory, 'lists'),
    'Dir::State::status': join(directory, 'status'),
    'Dir::Cache': join(directory, 'cache'),
  }
  const cleared = [
    'APT::Architectures', 'APT::Update', 'AptCli', 'DPkg::Pre-Invoke', 'DPkg::Post-Invoke', 'DPkg::Pre-Install-Pkgs',
    'Acquire::IndexTargets',
  ]
  return [
    ...cleared.map(name => `#clear ${name};`),
    ...Object.entries(values).map(([name, value]) => `${name} "${value}";`),
    '',
  ].join('\n')
}
