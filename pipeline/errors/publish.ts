/** Catalogue: why something was not published, and what an S3 server answered. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

export const again = 'then run the same command again: what has travelled is kept'

export function treeUrlWrong(text: string): PipelineError {
  return new PipelineError({
    code: 'tree-url-wrong',
    message: `"${text}" is no place in a bucket.`,
    hint: 'write it as s3://bucket/prefix; the server is given by --endpoint or AWS_ENDPOINT_URL',
    exitCode: exitCodes.usage,
  })
}

/** @param text as it may be shown */
export function endpointWrong(text: string): PipelineError {
  return new PipelineError({
    code: 'endpoint-wrong',
    message: `"${text}" is no address of an S3 server.`,
    hint: 'write --endpoint (or AWS_ENDPOINT_URL) as http://HOST:PORT or https://HOST; credentials do not belong in it',
    exitCode: exitCodes.usage,
  })
}

/** @param text as it may be shown */
export function publicUrlWrong(text: string): PipelineError {
  return new PipelineError({
    code: 'public-url-wrong',
    message: `"${text}" is no address under which people find the tree.`,
    hint: 'write --public-url as https://HOST/PATH; user, password, query and fragment do not belong in it: everybody reads it',
    exitCode: exitCodes.usage,
  })
}

function refused(code: string, message: string, hint: string, details: readonly string[] = []): PipelineError {
  return new PipelineError({ code, message, hint, exitCode: exitCodes.publish, details })
}

export function releaseNotVerified(release: string, reasons: readonly string[]): PipelineError {
  return refused(
    'release-not-verified',
    `${release} was not published: its verification is not complete.`,
    `pipeline verify ${release} on the host that built it; or --allow-unverified, which marks it and never moves stable`,
    reasons
  )
}

export function stableNeedsVerified(version: string): PipelineError {
  return refused(
    'stable-needs-verified',
    `${version} is not verified, and stable never points to such a release.`,
    'not published yet: verify it first; published already, it stays as it is: build another version, verify and publish that; or choose another channel'
  )
}

export function promoteUnsigned(version: string, channel: string): PipelineError {
  return refused(
    'promote-unsigned',
    `${version} is not signed, and the pointer of ${channel} would be: readers with a key refuse such a release.`,
    'a published version stays as it is: build another version, sign and publish that, then promote it'
  )
}

export function releaseNotFinished(release: string, missing: readonly string[]): PipelineError {
  return refused(
    'release-not-finished',
    `${release} was not published: it lacks ${missing.join(' and ')}.`,
    `pipeline sign ${release} writes them (without a key, too: the release is then unsigned and says so)`
  )
}

/** @param changes `<path>: missing`, `<path>: changed` or `<path>: not in SHA256SUMS` */
export function releaseNotAsSigned(release: string, changes: readonly string[]): PipelineError {
  return refused(
    'release-not-as-signed',
    `${release} was not published: its files are not those that its sums and manifest name.`,
    `if the change is wanted: pipeline verify ${release}, then pipeline sign ${release}`,
    changes
  )
}

export function releaseSignatureOther(release: string, problem: string): PipelineError {
  return refused(
    'release-signature-other',
    `${release} was not published: ${problem}.`,
    `pipeline sign ${release} with the same key`
  )
}

export function versionTaken(key: string, differences: readonly string[]): PipelineError {
  return refused(
    'version-taken',
    `This version is published already, with other files: ${key}.`,
    'a published version never changes: build or name another version',
    differences
  )
}

/** @param folder inside the tree; @param problems `<path>: is gone` and the like */
export function releaseDamaged(folder: string, version: string, problems: readonly string[]): PipelineError {
  return refused(
    'release-damaged',
    `The bucket has lost files of this release, or damaged them: ${folder}. No channel was moved.`,
    `put them back, from a copy or by publishing the very folder that was published; else pipeline retract ${version}, and build another version`,
    problems
  )
}

/** @param at ISO 8601 */
export function releaseRetracted(version: string, at: string, reason: string): PipelineError {
  return refused(
    'release-retracted',
    `${version} was taken back on ${at.slice(0, 10)}: ${reason}. No channel is moved to it.`,
    'build another version; if it is good after all: pipeline publish with --allow-retracted takes the mark away'
  )
}

export function releaseUnlisted(version: string, channel: string): PipelineError {
  return refused(
    'release-unlisted',
    `${version} was pruned while ${channel} was moved to it; ${channel} went back.`,
    'publish it again, or choose another release'
  )
}

/** @param minutes until the claim counts as left behind, if nobody renews it */
export function versionPruned(key: string, minutes: number): PipelineError {
  return refused(
    'version-pruned',
    `A prune is deleting this version: ${key}.`,
    `let it end, then run the same command again, which publishes it anew; if it was killed, prune again, or wait ${minutes} min`
  )
}

/** @param minutes until the claim counts as left behind, if nobody renews it */
export function versionClaimed(key: string, minutes: number): PipelineError {
  return refused(
    'version-claimed',
    `Another publisher is uploading this version with other files: ${key}.`,
    `let it end, then build or name another version; if it was killed, run the same command again in ${minutes} min`
  )
}

export function channelMoved(channel: string, to: string): PipelineError {
  return refused(
    'channel-moved',
    `Another publisher moved ${channel} to ${to} in the meantime; it stays there.`,
    'the release itself is published; run the same command again if the channel should point to it nevertheless'
  )
}

export function treeBusy(key: string): PipelineError {
  return refused('tree-busy', `Other publishers keep changing ${key}.`, 'run the same command again when they are done')
}

export function wouldUnsign(key: string): PipelineError {
  return refused(
    'would-unsign',
    `${key} is signed, and this command has no key to sign it again.`,
    'give --sign-key or --openpgp-key; readers refuse an unsigned document'
  )
}

export function wouldAdopt(key: string): PipelineError {
  return refused(
    'would-adopt',
    `${key} is not signed; signing it now would vouch for what anybody may have written there.`,
    'look at pipeline releases, then give --adopt-unsigned'
  )
}

/** @param serial that lies there, 0 when nothing does; @param known highest that was seen, or is named by what lies beside it */
export function treePutBack(key: string, serial: number, known: number): PipelineError {
  const found = serial === 0 ? `${key} is gone` : `${key} has serial ${serial}`
  return new PipelineError({
    code: 'tree-put-back',
    message: `${found}, and it had serial ${known} before: it was put back to an older state. Nothing was written.`,
    hint: 'find out who did it, look at pipeline releases, and put the newer one back; if you restored it on purpose, --accept-older goes on from what lies there',
    exitCode: exitCodes.verification,
  })
}

export function treeExpired(key: string, expires: string): PipelineError {
  return new PipelineError({
    code: 'tree-expired',
    message: `${key} expired ${expires.slice(0, 10)}, and this store has never seen it: somebody may have put back an old state, which readers refuse. Nothing was written.`,
    hint: 'look at pipeline releases; if nothing was published for so long, --accept-older goes on, as does a store that knows the tree (publish/seen.json)',
    exitCode: exitCodes.verification,
  })
}

export function channelUnknown(channel: string, known: readonly string[]): PipelineError {
  const hint = known.length > 0 ? `channels: ${known.join(', ')}` : 'nothing is published there yet'
  return new PipelineError({ code: 'channel-unknown', message: `There is no channel or version "${channel}".`, hint, exitCode: exitCodes.usage })
}

export function channelEmpty(channel: string): PipelineError {
  return refused('channel-empty', `${channel} points to no release.`, 'publish one first')
}

export function nameUnsafe(kind: string, name: string): PipelineError {
  return new PipelineError({
    code: 'name-unsafe',
    message: `"${name}" cannot be the name of a ${kind}.`,
    hint: 'use letters, digits and . + ~ _ - and start with a letter or digit',
    exitCode: exitCodes.usage,
  })
}

export function fileTooLarge(path: string, sizeBytes: number): PipelineError {
  return refused('file-too-large', `${path} has ${sizeBytes} bytes; an S3 object has 5 TiB at most.`, 'make the disk smaller')
}

export function fileChanged(path: string): PipelineError {
  return refused('file-changed', `${path} changed while it was uploaded.`, 'wait until nothing writes to the release, then run the same command again')
}

/** What was asked of which server, for messages. */
export interface S3Place {
  /** `uploading ciab/1.0/kvm/a.qcow2` */
  readonly doing: string
  readonly bucket: string
  /** `http://host:port`, or `AWS eu-central-1`. */
  readonly server: string
}

function s3Error(code: string, place: S3Place, message: string, hint: string, cause?: unknown): PipelineError {
  return new PipelineError({ code, message: `${place.doing}: ${message}.`, hint, exitCode: exitCodes.publish, cause })
}

export function bucketMissing(place: S3Place): PipelineError {
  return s3Error('bucket-missing', place, `there is no bucket "${place.bucket}" at ${place.server}`, 'create it, or correct --to and --endpoint')
}

export function bucketDenied(place: S3Place): PipelineError {
  return s3Error(
    'bucket-denied', place, `${place.server} does not allow these credentials to do that in "${place.bucket}"`,
    `let them read, write, list and delete there, ${again}`
  )
}

export function credentialsMissing(place: S3Place): PipelineError {
  return s3Error(
    'credentials-missing', place, 'there are no credentials',
    'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE'
  )
}

export function credentialsWrong(place: S3Place, answer: string): PipelineError {
  return s3Error('credentials-wrong', place, `${place.server} does not accept the credentials (${answer})`, `correct them, ${again}`)
}

export function credentialsExpired(place: S3Place, answer: string): PipelineError {
  return s3Error('credentials-expired', place, `the credentials have expired (${answer})`, `renew them, ${again}`)
}

export function clockWrong(place: S3Place): PipelineError {
  return s3Error('clock-wrong', place, `${place.server} finds this host's clock too far off`, `set the clock (chronyc makestep), ${again}`)
}

export function regionWrong(place: S3Place, answer: string): PipelineError {
  return s3Error('region-wrong', place, `the bucket "${place.bucket}" is in another region (${answer})`, 'set --region or AWS_REGION')
}

/** @param problem the SDK's words */
export function regionMissing(place: S3Place, problem: string): PipelineError {
  return s3Error(
    'region-missing', place, `no region to ask is known (${problem})`,
    'set --region or AWS_REGION; for a server other than AWS, --endpoint or AWS_ENDPOINT_URL'
  )
}

export function serverUnreachable(place: S3Place, problem: string, seconds: number): PipelineError {
  return s3Error(
    'server-unreachable', place, `${place.server} cannot be reached (${problem}), tried for ${seconds} s`,
    `check --endpoint and the network, ${again}`
  )
}

export function serverFailing(place: S3Place, answer: string, seconds: number): PipelineError {
  return s3Error('server-failing', place, `${place.server} keeps answering ${answer}, tried for ${seconds} s`, `wait until it works, ${again}`)
}

/** No waiting helps: the server does not know such a request. */
export function serverLacks(place: S3Place, answer: string): PipelineError {
  return s3Error('server-lacks', place, `${place.server} does not know how to do that (${answer})`, `publish to a server that knows it, or ask those who run this one; ${again}`)
}

/** What the server stored is not what was sent, more than once. */
export function storedWrong(place: S3Place, problem: string): PipelineError {
  return s3Error('stored-wrong', place, `${place.server} did not store what was sent (${problem})`, `look for a proxy between, ${again}`)
}

export function serverRefused(place: S3Place, answer: string): PipelineError {
  return s3Error('server-refused', place, `${place.server} refused it (${answer})`, `correct what it names, ${again}`)
}
