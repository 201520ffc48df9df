/** Catalogue: what stops a download, or makes one that must not be used. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

const mib = 1024 * 1024

/** @param problem what the last try ended with, without its full stop */
export function downloadFailed(url: string, problem: string, seconds: number): PipelineError {
  return new PipelineError({
    code: 'download-failed',
    message: `Could not download ${url}: ${problem}; tried for ${seconds} s.`,
    hint: 'run the same command again when the server can be reached: what came so far is kept',
    exitCode: exitCodes.stage,
  })
}

/** No later try would end otherwise. @param problem without its full stop */
export function serverUnreachable(url: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'server-unreachable',
    message: `Cannot download ${url}: ${problem}.`,
    hint: "check the address given with --from, this machine's clock, and its certificates (NODE_EXTRA_CA_CERTS)",
    exitCode: exitCodes.stage,
  })
}

/** `download-forbidden` for 403, which S3 servers answer for what is not there, too, to readers who may not list. */
const refusedCode = (status: number) => (status === 403 ? 'download-forbidden' : 'download-refused')

export function isForbidden(error: unknown): error is PipelineError {
  return error instanceof PipelineError && error.code === refusedCode(403)
}

/** The server has it not, or does not give it. @param status HTTP's number */
export function downloadRefused(url: string, status: number): PipelineError {
  const hint =
    status === 404 ? 'check the address given with --from, and the names of appliance and version'
    : status === 401 || status === 403 ? 'check the address given with --from, and the names of appliance and version; if they are right, the publisher must let everyone read it'
    : 'try again later, or tell the publisher'
  return new PipelineError({ code: refusedCode(status), message: `The server answered ${status} for ${url}.`, hint, exitCode: exitCodes.stage })
}

export function rangesUnsupported(url: string): PipelineError {
  return new PipelineError({
    code: 'ranges-unsupported',
    message: `The server sends ${url} only as a whole: it ignores Range.`,
    hint: 'download it with curl and check it with sha256sum -c, or use a server that knows ranges (every S3 server does)',
    exitCode: exitCodes.stage,
  })
}

/** @param found bytes, as the server says */
export function downloadSizeWrong(url: string, expected: number, found: number): PipelineError {
  return new PipelineError({
    code: 'download-size-wrong',
    message: `${url} has ${found} bytes on the server, and ${expected} by the release's index.`,
    hint: 'it was replaced after the release was published: do not use it, and tell the publisher',
    exitCode: exitCodes.verification,
  })
}

export function downloadDigestWrong(url: string, expected: string, found: string): PipelineError {
  return new PipelineError({
    code: 'download-digest-wrong',
    message: `${url} is not the file of the release: its SHA-256 is ${found}, and ${expected} by the release's index.`,
    hint: 'nothing of it was kept; try once more, and if it stays so tell the publisher',
    exitCode: exitCodes.verification,
  })
}

export function downloadTooLarge(url: string, limitBytes: number): PipelineError {
  return new PipelineError({
    code: 'download-too-large',
    message: `${url} has more than ${Math.round(limitBytes / mib)} MiB: no document of a release is that large.`,
    hint: 'check the address given with --from',
    exitCode: exitCodes.verification,
  })
}

export function downloadDiskFull(place: string, neededBytes: number, freeBytes: number): PipelineError {
  const [needed, free] = [Math.ceil(neededBytes / mib), Math.floor(freeBytes / mib)]
  return new PipelineError({
    code: 'download-disk-full',
    message: `${needed} MiB are still to be written to ${place}, and its disk has ${free} MiB free.`,
    hint: 'free some space, or name another folder with --output, then run the same command again: what came so far is kept',
    exitCode: exitCodes.missing,
  })
}

export function seenNotKept(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'seen-not-kept',
    message: `Cannot remember in ${file} what was seen of the releases: ${problem}.`,
    hint: 'make room, or let this user write there, and run the same command again: it goes on where it was',
    exitCode: exitCodes.missing,
  })
}

export function outputDiffers(path: string): PipelineError {
  return new PipelineError({
    code: 'output-differs',
    message: `${path} is there already and is not the file of the release; a disk that was started is changed, for example.`,
    hint: 'it was left alone: move it away, or name another folder with --output',
    exitCode: exitCodes.missing,
  })
}

/** @param paths as they stand in the index */
export function pathsUnsafe(what: string, paths: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'paths-unsafe',
    message: `${what} names files outside of its own folder.`,
    hint: 'do not use it; nothing was written. Tell the publisher',
    exitCode: exitCodes.verification,
    details: paths.map(path => JSON.stringify(path)),
  })
}

export function pointerExpired(what: string, expires: string, now: string): PipelineError {
  return new PipelineError({
    code: 'pointer-expired',
    message: `${what} was good until ${expires}, and it is ${now} here.`,
    hint: 'somebody may be holding back newer releases: check the clock of this machine, try again later, and ask the publisher',
    exitCode: exitCodes.verification,
  })
}

export function serialLower(what: string, serial: number, seen: number): PipelineError {
  return new PipelineError({
    code: 'serial-lower',
    message: `${what} has serial ${serial}, and serial ${seen} was seen here before: it was put back to an older state.`,
    hint: 'do not use it; ask the publisher. A new server under the same address: remove its entry from the file seen.json in the store',
    exitCode: exitCodes.verification,
  })
}

export function noTrustedKey(places: string): PipelineError {
  return new PipelineError({
    code: 'no-trusted-key',
    message: `There is no key to check signatures with: ${places}.`,
    hint: "give the publisher's public key with --key FILE, got by another way than the download; --allow-unsigned does without",
    exitCode: exitCodes.usage,
  })
}

/** @param kind as in `channel` */
export function notPublished(kind: string, name: string, known: readonly string[]): PipelineError {
  const hint = known.length > 0 ? `there are: ${known.join(', ')}` : 'there are none yet'
  return new PipelineError({ code: 'not-published', message: `No ${kind} "${name}" is published there.`, hint, exitCode: exitCodes.usage })
}

export function channelEmpty(what: string): PipelineError {
  return new PipelineError({
    code: 'channel-empty',
    message: `${what} points to no release: every one was taken back.`,
    hint: 'name another channel with --channel, or a version with --version',
    exitCode: exitCodes.usage,
  })
}

export function sourceMissing(): PipelineError {
  return new PipelineError({
    code: 'source-missing',
    message: 'Where to download from is not known.',
    hint: 'give the address of the download page with --from URL, or set PIPELINE_RELEASES to it',
    exitCode: exitCodes.usage,
  })
}

export function sourceWrong(value: string): PipelineError {
  return new PipelineError({
    code: 'source-wrong',
    message: `"${value}" is no address to download from.`,
    hint: 'give the address of the download page without index.html, as in --from https://downloads.example.org/appliances',
    exitCode: exitCodes.usage,
  })
}

/** The release was published without its verification, or without having passed it. */
export function releaseUnverified(what: string): PipelineError {
  return new PipelineError({
    code: 'release-unverified',
    message: `${what} was published without a passed verification: nobody has seen it boot.`,
    hint: 'take another version, or accept that with --allow-unverified',
    exitCode: exitCodes.verification,
  })
}
