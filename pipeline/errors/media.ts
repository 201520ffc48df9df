/** Errors of mirrors, the package list and the media stage. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

const mirrorHint = 'try another one with --mirror URL, or --offline to build from the package list of the last build'

export function mirrorUnreachable(url: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'mirror-unreachable',
    message: `The Debian mirror does not answer: ${url}: ${reason}.`,
    hint: mirrorHint,
    exitCode: exitCodes.stage,
  })
}

/** The mirror answers, and apt does not take what it gives: a wrong signature, an expired index. */
export function mirrorRefused(url: string, reason: string, lines: readonly string[] = []): PipelineError {
  return new PipelineError({
    code: 'mirror-refused',
    message: `apt does not take the index of the Debian mirror: ${url}: ${reason}.`,
    hint: mirrorHint,
    exitCode: exitCodes.stage,
    details: lines,
  })
}

export function mirrorWithoutSuite(url: string, suite: string): PipelineError {
  return new PipelineError({
    code: 'mirror-without-suite',
    message: `The Debian mirror ${url} has no suite "${suite}".`,
    hint: 'name a mirror that carries this release with --mirror URL',
    exitCode: exitCodes.stage,
  })
}

export function sourcesUnknown(release: string, lines: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'sources-unknown',
    message: `mmdebstrap does not tell its package sources for "${release}".`,
    hint: 'see its words below; without root it needs newuidmap and lines for this user in /etc/subuid and /etc/subgid',
    exitCode: exitCodes.stage,
    details: lines,
  })
}

export function offlineWithoutPackages(appliance: string): PipelineError {
  return new PipelineError({
    code: 'offline-without-packages',
    message: `Cannot build ${appliance} offline: its package list was never resolved on this store.`,
    hint: 'run once without --offline',
    exitCode: exitCodes.usage,
  })
}

export function packagesNotResolved(lines: readonly string[], cause: unknown): PipelineError {
  return new PipelineError({
    code: 'packages-not-resolved',
    message: 'apt cannot resolve the package set of the kickstart.',
    hint: 'see %packages of the kickstart',
    exitCode: exitCodes.stage,
    details: lines,
    cause,
  })
}

export function excludedPackageNeeded(names: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'excluded-package-needed',
    message: `%packages excludes ${names.join(', ')}, but another package of it needs that.`,
    hint: 'take the exclusion or the package that needs it out of %packages',
    exitCode: exitCodes.usage,
  })
}

export function mirrorMoved(changed: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'mirror-moved',
    message: 'The mirror changed while the media was bootstrapped: it is not what was planned.',
    hint: 'run the same command again',
    exitCode: exitCodes.stage,
    details: changed,
  })
}

/** The packages of the Xen host brought no /boot/xen-*.gz. */
export function hypervisorMissing(): PipelineError {
  return new PipelineError({
    code: 'hypervisor-missing',
    message: 'The Xen host was bootstrapped, but its /boot holds no hypervisor.',
    hint: 'look at the package xen-system-amd64 of the mirror: it must depend on xen-hypervisor-<version>-amd64',
    exitCode: exitCodes.stage,
  })
}

export function bootstrapFailed(lines: readonly string[], log: string, cause: unknown): PipelineError {
  return new PipelineError({
    code: 'bootstrap-failed',
    message: 'mmdebstrap could not bootstrap the media.',
    hint: `log: ${log}; when the mirror broke off, run the same command again or name another mirror with --mirror URL`,
    exitCode: exitCodes.stage,
    details: lines,
    cause,
  })
}
