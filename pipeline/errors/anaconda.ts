/** Catalogue: what can be wrong with an installation tree, with repositories and with the keys of their packages. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

/** @param reason `HTTP 404`, `ENOTFOUND` */
export function treeUnreachable(url: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'tree-unreachable',
    message: `The installation tree could not be read: ${url}: ${reason}.`,
    hint: 'name another one, or a boot ISO: --set el.installerUrl=FILE.iso; pipeline doctor APPLIANCE asks all addresses',
    exitCode: exitCodes.stage,
  })
}

export function treeChanged(url: string, wanted: string, found: string): PipelineError {
  return new PipelineError({
    code: 'tree-changed',
    message: `${url} is not what was meant: its SHA-256 is ${found}, not ${wanted}.`,
    hint: 'give the digest of .treeinfo from a source you trust: --set el.installerSha256=DIGEST; other files are held to the digests in it',
    exitCode: exitCodes.usage,
  })
}

/** @param lacking `kernel`, `a checksum of images/pxeboot/vmlinuz` */
export function treeIncomplete(url: string, lacking: string): PipelineError {
  return new PipelineError({
    code: 'tree-incomplete',
    message: `The .treeinfo of ${url} names no ${lacking}.`,
    hint: 'take a tree with SHA-256 checksums (those of RHEL 7 and newer have them), or a boot ISO: --set el.installerUrl=FILE.iso',
    exitCode: exitCodes.usage,
  })
}

export function repositoryUnreachable(id: string, url: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'repository-unreachable',
    message: `The repository ${id} does not answer: ${url}: ${reason}.`,
    hint: `name a copy: --set el.repositories.${id}.url=URL, or a mirror of all addresses: --set el.mirror=URL`,
    exitCode: exitCodes.stage,
  })
}

/** @param problem `its repomd.xml names no list of packages` */
export function repositoryUnusable(id: string, url: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'repository-unusable',
    message: `The repository ${id} at ${url} cannot be used: ${problem}.`,
    hint: `name another copy: --set el.repositories.${id}.url=URL`,
    exitCode: exitCodes.stage,
  })
}

export function keyUnreachable(name: string, url: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'key-unreachable',
    message: `The key ${name} could not be fetched: ${url}: ${reason}.`,
    hint: `name a copy: --set el.keys.${name}.url=URL`,
    exitCode: exitCodes.stage,
  })
}

/** @param reason `HTTP 404`, `ENOTFOUND` */
export function demoImageUnreachable(url: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'demo-image-unreachable',
    message: `The demo image does not answer: ${url}: ${reason}.`,
    hint: 'name a copy: --set el.demoImageUrl=URL, or a mirror of all addresses: --set el.mirror=URL',
    exitCode: exitCodes.stage,
  })
}

export function demoImageChanged(url: string, wanted: string, found: string): PipelineError {
  return new PipelineError({
    code: 'demo-image-changed',
    message: `The demo image ${url} is not the one that was meant: its SHA-256 is ${found}, not ${wanted}.`,
    hint: 'fetch it again, or give its digest from a source you trust: --set el.demoImageSha256=DIGEST',
    exitCode: exitCodes.usage,
  })
}

/** @param found its fingerprint, or `no key` */
export function keyWrong(name: string, url: string, { wanted, found }: { readonly wanted: string; readonly found: string }): PipelineError {
  return new PipelineError({
    code: 'key-wrong',
    message: `The key ${name} at ${url} is not the one that was meant: ${found}, not ${wanted}.`,
    hint: `compare it with its owner's word; then --set el.keys.${name}.fingerprint=FINGERPRINT`,
    exitCode: exitCodes.usage,
  })
}

/** rpm imports every key of a file, so that one beside the right one would be trusted, too. */
export function keyNotAlone(name: string, url: string, found: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'key-not-alone',
    message: `The file of the key ${name} at ${url} holds ${found.length} keys, and all of them would be trusted: ${found.join(', ')}.`,
    hint: `name a file of this key alone: --set el.keys.${name}.url=URL`,
    exitCode: exitCodes.usage,
  })
}

export function packagesMissing(names: readonly string[], repositories: readonly string[]): PipelineError {
  const [one, ...more] = names
  return new PipelineError({
    code: 'packages-missing',
    message: `No repository has the package${more.length > 0 ? 's' : ''} ${names.join(', ')}.`,
    hint: `asked were ${repositories.join(', ')}; add the one that has ${one ?? 'it'} to el.repositories, or take the name out of the kickstart`,
    exitCode: exitCodes.usage,
  })
}

export function offlineWithoutRepositories(appliance: string): PipelineError {
  return new PipelineError({
    code: 'offline-without-repositories',
    message: `Cannot build ${appliance} offline: what its repositories hold was never asked on this store.`,
    hint: 'run once without --offline',
    exitCode: exitCodes.usage,
  })
}

/** @param lines dnf's own */
export function bundleIncomplete(lines: readonly string[], cause: unknown): PipelineError {
  return new PipelineError({
    code: 'bundle-incomplete',
    message: 'dnf could not put all packages of the installer together.',
    hint: 'see its words below; each package that is named must be in one of el.repositories',
    exitCode: exitCodes.stage,
    details: lines,
    cause,
  })
}

/** @param lines of rpmkeys, one for each package */
export function bundleForeign(lines: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'bundle-foreign',
    message: `${lines.length} of the installer's packages bear no signature by a key of the spec.`,
    hint: 'add their key to el.keys after comparing its fingerprint, or take their repository out of el.repositories',
    exitCode: exitCodes.stage,
    details: lines.slice(0, 20),
  })
}
