/** Asks apt what a mirror offers and what a package set comes to, without root and without this host's own apt state. */
import { packagesNotResolved } from '../errors/media.js'
import { PipelineError } from '../errors/pipeline-error.js'
import type { AptRoot } from './apt-root.js'
import type { Run } from './command.js'
import { mirrorProblem } from './mirror-state.js'

/**
 * Brings the root's lists up to date. apt asks with "if modified since", through this host's proxies and with its
 * credentials, and checks Debian's signature. Errors: `mirror-unreachable`, `mirror-without-suite`, `mirror-refused` (exit 4).
 */
export async function updateLists({ config, secrets, sources }: AptRoot, run: Run): Promise<void> {
  // Without this apt would read all packages into a cache that nobody asks for while the mirror is unchanged.
  const command = ['apt-get', '-q', `--config-file=${config}`, '--option=pkgCacheFile::Generate=false', 'update', '--error-on=any'] as const
  await run(command, { secrets, reason: 'ask the mirror for its packages' }).catch((error: unknown) => {
    if (!isToolFailure(error)) throw error
    throw mirrorProblem(error, sources)
  })
}

/**
 * Sorted `name=version` of all that a bootstrap of mmdebstrap's variant minbase with `include` installs from the
 * root's lists. Errors: `packages-not-resolved` (exit 4).
 */
export async function resolveWithApt({ config, secrets }: AptRoot, include: readonly string[], run: Run): Promise<readonly string[]> {
  const command = [
    'apt-get', '-q', `--config-file=${config}`, '--simulate', '--no-install-recommends', 'install',
    '?essential', '?priority(required)', 'apt', ...include,
  ] as const
  const { stdout } = await run(command, { secrets, reason: 'resolve the package set' }).catch((error: unknown) => {
    throw isToolFailure(error) ? packagesNotResolved(error.details, error) : error
  })
  return parseSimulation(stdout)
}

/** Lines `Inst name (version suite [arch])` as sorted `name=version`. */
export function parseSimulation(stdout: string): readonly string[] {
  const found = [...stdout.matchAll(/^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) /gm)]
  return found.map(([, name, version]) => `${name}=${version}`).sort()
}

function isToolFailure(error: unknown): error is PipelineError {
  return error instanceof PipelineError && error.code === 'tool-failed'
}
