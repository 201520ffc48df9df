/** Options that several commands share, declared once: name, help text, default. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { defaultExportOptions } from '../targets/index.js'
import type { ExportOptions } from '../targets/types.js'
import type { AccelerationKind } from '../tools/acceleration.js'

export const defaultAppliance = 'ciab'
export const defaultTarget = 'kvm'

/** Where things are: every command that reads appliances or writes results has these. */
export interface PlaceOptions {
  readonly root?: string
  readonly artifacts?: string
  readonly store?: string
}

export interface BuildOptions extends PlaceOptions {
  readonly target: readonly string[]
  readonly set: readonly string[]
  readonly mirror?: string
  readonly offline?: boolean
  readonly version?: string
  readonly ovaManifest: ExportOptions['ovaManifest']
  readonly hypervVhd?: boolean
  readonly accel: AccelerationKind | 'auto'
  readonly until?: string
  readonly wait: boolean
  readonly dryRun?: boolean
  readonly json?: boolean
}

export function addPlaces(command: Command): Command {
  return command
    .option('--root <folder>', 'folder that holds kickstarts/ (default: the one of this program)')
    .option('--artifacts <folder>', 'where releases land (default: artifacts/)')
    .option('--store <folder>', 'where stage results and logs are kept (default: .pipeline/)')
}

/** Until one is named; the first name takes its place, later ones are added. */
const noTarget: readonly string[] = [defaultTarget]

/** Options that decide what is built. */
export function addInputs(command: Command): Command {
  return addMirror(addAcceleration(addSet(command)))
    .addOption(new Option('-t, --target <names>', 'targets, separated by commas or one by one; "all" for every one').default(noTarget, defaultTarget).argParser(splitTargets))
    .addOption(new Option('--ova-manifest <digest>', 'digests in the manifest of an OVA; sha1 for vSphere before 6.5').choices(['sha256', 'sha1', 'none']).default(defaultExportOptions.ovaManifest))
    .option('--hyperv-vhd', 'for Hyper-V also a fixed VHD, as long as the disk')
    .addOption(new Option('--version <text>', 'version of the build (default: <spec version>+<date>.<8 digits of its key>)').argParser(checkVersion))
}

export function addMirror(command: Command): Command {
  return command
    .addOption(new Option('--mirror <url>', "Debian mirror to bootstrap from (default: this host's own)").argParser(checkMirror))
    .option('--offline', 'do not ask the mirror for news; use the package list of the last build')
}

export function addSet(command: Command): Command {
  const set = new Option('--set <key=value>', 'override a value of appliance.yaml; may be repeated')
  return command.addOption(set.default([], 'none').argParser(collect))
}

export function addAcceleration(command: Command): Command {
  const accel = new Option('--accel <kind>', 'hardware acceleration')
  return command.addOption(accel.choices(['auto', 'kvm', 'tcg']).default('auto'))
}

export function addJson(command: Command): Command {
  return command.option('--json', 'print one JSON document')
}

function splitTargets(value: string, previous: readonly string[]): readonly string[] {
  const names = value.split(',').map(name => name.trim())
  if (names.some(name => name === '')) throw new InvalidArgumentError('Give target names separated by commas.')
  return [...new Set([...(previous === noTarget ? [] : previous), ...names])]
}

/** apt writes it into one line of its sources, so it holds no blanks; a query would be cut off by what follows. */
function checkMirror(value: string): string {
  const url = URL.canParse(value) && !/\s/.test(value) ? new URL(value) : undefined
  if (!url || !/^https?:$/.test(url.protocol) || !/^https?:\/\/[^/]/i.test(value) || url.search !== '' || url.hash !== '') {
    throw new InvalidArgumentError('Write it like http://HOST/debian or https://HOST/debian.')
  }
  return value
}

export function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value]
}

/** Reads a whole number, both bounds included. */
export function wholeNumber(least: number, most: number): (value: string) => number {
  return value => {
    const number = Number(value)
    if (!/^\d{1,9}$/.test(value) || number < least || number > most) throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
    return number
  }
}

/** More do not make an upload or download faster, and are a burden to the server. */
export const checkConnections = wholeNumber(1, 16)

export function checkSeconds(value: string): number {
  const number = Number(value)
  if (!(number > 0 && number <= 86_400)) throw new InvalidArgumentError('Give a number of seconds above 0, at most a day.')
  return number
}

/** A version becomes a folder name and an S3 key: no separators, nothing a shell or a URL would trip over. */
function checkVersion(value: string): string {
  if (!/^[0-9A-Za-z][0-9A-Za-z.+~_-]*$/.test(value)) {
    throw new InvalidArgumentError('Use letters, digits and . + ~ _ - and start with a letter or digit.')
  }
  return value
}

export function checkMib(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value)) throw new InvalidArgumentError('Give a whole number of MiB.')
  return Number(value)
}
