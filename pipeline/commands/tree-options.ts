/** Options of the commands that work on a published tree, declared once. */
import { Option } from 'commander'
import type { Command } from 'commander'
import { publicUrlWrong } from '../errors/publish.js'
import type { KeyOptions } from '../release/keys.js'
import { maskedUrl } from '../tools/url-secrets.js'
import { wholeNumber } from './options.js'
import type { PlaceOptions } from './options.js'

export interface TreeOptions extends PlaceOptions {
  readonly to: string
  readonly endpoint?: string
  readonly region?: string
  readonly profile?: string
  readonly pathStyle?: boolean
  readonly patience: number
  readonly key: readonly string[]
  readonly json?: boolean
}

export interface WriteOptions extends TreeOptions, KeyOptions {
  readonly appliance: string
  readonly validDays: number
  readonly adoptUnsigned?: boolean
  readonly acceptOlder?: boolean
  readonly publicUrl?: string
}

/** A hundred years: far below where dates end. */
const mostDays = 36_500
const daySeconds = 86_400

/** Where the tree is, and who is trusted on what lies there. */
export function addTree(command: Command): Command {
  const key = new Option('--key <file>', 'public key to trust, besides those in keys/; may be repeated')
  return command
    .requiredOption('--to <url>', 'the tree: s3://bucket/prefix')
    .option('--endpoint <url>', 'S3 server (default: AWS_ENDPOINT_URL, else AWS)')
    .option('--region <name>', 'region (default: AWS_REGION, else the profile\'s)')
    .option('--profile <name>', 'profile of the AWS configuration (default: AWS_PROFILE)')
    .option('--path-style', 'bucket in the path of addresses (default with an endpoint)')
    .option('--no-path-style', 'bucket in the host name of addresses')
    .addOption(new Option('--patience <seconds>', 'how long a failing server is tried again').default(180).argParser(wholeNumber(0, daySeconds)))
    .addOption(key.default([], 'none').argParser((value: string, previous: readonly string[]) => [...previous, value]))
}

/** For commands that change the tree and seal it again. */
export function addWrite(command: Command): Command {
  return addKeys(addTree(command))
    .addOption(new Option('--valid-days <days>', 'after so many days readers refuse index and pointers').default(30).argParser(wholeNumber(1, mostDays)))
    .option('--adopt-unsigned', 'sign what lies there unsigned')
    .option('--accept-older', 'go on from a tree that was put back to an older state on purpose')
    .addOption(new Option('--public-url <url>', 'address of the tree for people; kept in its index (default: what is kept there, else that of the bucket)').argParser(checkPublicUrl))
}

/** Secret keys are named, never given: a command line is seen by everybody on the host. */
export function addKeys(command: Command): Command {
  return command
    .option('--sign-key <file>', 'SSH key to sign with: a private key, or a .pub whose private half the agent has (or PIPELINE_SIGN_KEY: the key itself)')
    .option('--openpgp-key <file>', 'armoured secret OpenPGP key to sign with, too (or PIPELINE_OPENPGP_KEY: the key itself)')
    .option('--openpgp-id <id>', 'OpenPGP key of the own keyring to sign with, too')
}

/** As the schema of the index has it. */
const longestUrl = 2048

/** Errors: `public-url-wrong` (exit 2); commander's own error would show a password. */
function checkPublicUrl(value: string): string {
  const url = /^https?:\/\/[^/\\]/i.test(value) && !/[\s?#]/.test(value) && URL.canParse(value) ? new URL(value) : undefined
  if (!url || url.username !== '' || url.password !== '' || url.href.length >= longestUrl) throw publicUrlWrong(maskedUrl(value))
  return url.href
}

/** How many releases stay; none, too. */
export const checkCount = wholeNumber(0, 999_999)

export function countOrAll(value: string): number | 'all' {
  return value === 'all' ? 'all' : checkCount(value)
}

/** 0: whatever its age. */
export const checkAge = wholeNumber(0, mostDays)
