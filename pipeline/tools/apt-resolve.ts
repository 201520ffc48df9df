/** Resolves a package set against repositories without root and without touching this host's own apt state. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packagesNotResolved } from '../errors/media.js'
import { PipelineError } from '../errors/pipeline-error.js'
import type { Command, Run } from './command.js'
import { formatSource } from './deb-sources.js'
import type { DebSource } from './deb-sources.js'

export interface ResolveRequest {
  readonly sources: readonly DebSource[]
  readonly include: readonly string[]
  /** A private apt root, made anew and removed: its sources may hold a password. */
  readonly directory: string
  /** Masked in errors. */
  readonly secrets: readonly string[]
}

/**
 * Sorted `name=version` of all that a bootstrap of mmdebstrap's variant minbase with `include` installs.
 * This host's proxies and credentials are used, as apt reads them. Errors: `packages-not-resolved` (exit 4).
 */
export async function resolveWithApt(request: ResolveRequest, run: Run): Promise<readonly string[]> {
  const { directory, secrets } = request
  await rm(directory, { recursive: true, force: true })
  for (const folder of ['etc/apt/preferences.d', 'lists/partial', 'cache/archives/partial', 'dpkg']) {
    await mkdir(join(directory, folder), { recursive: true })
  }
  await writeFile(join(directory, 'dpkg/status'), '')
  await writeFile(join(directory, 'sources.list'), `${request.sources.map(formatSource).join('\n')}\n`, { mode: 0o600 })
  const options = aptOptions(directory)
  try {
    await run(['apt-get', ...options, 'update', '--error-on=any'], { secrets, reason: 'ask the mirror for its packages' })
    const command: Command = [
      'apt-get', ...options, '--simulate', '--no-install-recommends', 'install',
      '?essential', '?priority(required)', 'apt', ...request.include,
    ]
    const { stdout } = await run(command, { secrets, reason: 'resolve the package set' })
    return parseSimulation(stdout)
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'tool-failed') throw error
    throw packagesNotResolved(error.details, error)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Lines `Inst name (version suite [arch])` as sorted `name=version`. */
export function parseSimulation(stdout: string): readonly string[] {
  const found = [...stdout.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) /gm)]
  return found.map(([, name, version]) => `${name}=${version}`).sort()
}

function aptOptions(directory: string): string[] {
  const settings = {
    'APT::Architecture': 'amd64',
    'APT::Architectures': 'amd64',
    'APT::Sandbox::User': '',
    'Acquire::Languages': 'none',
    'Dir::Etc::SourceList': join(directory, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': join(directory, 'etc/apt/preferences.d'),
    'Dir::State': directory,
    'Dir::State::Lists': join(directory, 'lists'),
    'Dir::State::status': join(directory, 'dpkg/status'),
    'Dir::Cache': join(directory, 'cache'),
  }
  return Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`])
}
