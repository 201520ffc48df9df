/** All commands with their options and help. Each action is loaded when it is run, so that --help is instant. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { optionUseless } from '../errors/commands.js'
import { exitCodeMeanings, exitCodes } from '../errors/exit-codes.js'
import { packageRoot } from './places.js'
import { addAcceleration, addInputs, addJson, addMirror, addPlaces, addSet, checkConnections, checkMib, checkSeconds, collect, defaultAppliance, defaultTarget } from './options.js'
import type { BuildOptions, PlaceOptions } from './options.js'
import type { CheckOptions } from './check.js'
import type { CleanOptions } from './clean.js'
import type { FetchOptions } from './fetch.js'
import type { IsoOptions } from './iso.js'
import type { PruneOptions, RetractOptions } from './manage.js'
import type { PublishOptions } from './publish.js'
import type { SignOptions } from './sign.js'
import type { VerifyOptions } from './verify.js'
import { addKeys, addTree, addWrite, checkAge, checkCount, countOrAll } from './tree-options.js'
import type { TreeOptions, WriteOptions } from './tree-options.js'
import { stageNames } from '../plan/plan.js'
import type { CommandIo } from './io.js'

const description = "Turns an appliance's description into images a person can download and start."

export function createProgram(io: CommandIo): Command {
  const program = new Command('pipeline')
    .description(description)
    .version(ownVersion(), '-V', 'print the version of this program')
    .exitOverride()
    .configureOutput({ writeOut: text => io.stdout.write(text), writeErr: text => io.stderr.write(text) })
    .addHelpText('after', `\nExit codes:\n${exitCodeHelp()}`)
  for (const command of [build, plan, render, check, verify, sign, publish, releases, promote, retract, prune, fetch, iso, targets, doctor, clean]) {
    program.addCommand(command(io).exitOverride().copyInheritedSettings(program))
  }
  return program
}

function ownVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')) as { version: string }
  return version
}

function exitCodeHelp(): string {
  return Object.entries(exitCodes)
    .map(([name, code]) => `  ${String(code).padStart(3)}  ${exitCodeMeanings[name as keyof typeof exitCodes]}`)
    .join('\n')
}

function build(io: CommandIo): Command {
  return addJson(addInputs(addPlaces(new Command('build'))))
    .argument('[appliance]', 'folder under kickstarts/', defaultAppliance)
    .description('build an appliance and export, boot and verify it for each target')
    .option('--until <stage>', `stop after a stage: ${stageNames.join(', ')}`)
    .option('--dry-run', 'print the commands instead of running them')
    .option('--no-wait', 'refuse at once when another build uses the store')
    .action(async (appliance: string, options: BuildOptions) => {
      await (await import('./build.js')).runBuild(appliance, options, io)
    })
}

function plan(io: CommandIo): Command {
  return addJson(addInputs(addPlaces(new Command('plan'))))
    .argument('[appliance]', 'folder under kickstarts/', defaultAppliance)
    .description('print what a build would do: stages, what is stored, commands, disk, time')
    .action(async (appliance: string, options: BuildOptions) => {
      await (await import('./plan.js')).runPlan(appliance, options, io)
    })
}

function render(io: CommandIo): Command {
  return addSet(addPlaces(new Command('render')))
    .argument('[appliance]', 'folder under kickstarts/', defaultAppliance)
    .description('write the rendered kickstart, install script and first-boot files to a folder')
    .requiredOption('-o, --out <folder>', 'new or empty folder to write to')
    .action(async (appliance: string, options: RenderOptions) => {
      await (await import('./render.js')).runRender(appliance, options, io)
    })
}

function check(io: CommandIo): Command {
  return addPlaces(new Command('check'))
    .argument('[names...]', 'folders under kickstarts/ (default: all), or kickstart files')
    .description('check spec, kickstart and templates, or any kickstart file; changes nothing')
    .option('--release <el>', "release of RHEL to check files for: 6 to 10 (default: the file's line #version=)")
    .option('--strict', 'refuse what is only worth a warning, too')
    .action(async (names: string[], options: CheckOptions) => {
      await (await import('./check.js')).runCheck(names, options, io)
    })
}

function verify(io: CommandIo): Command {
  return addJson(addSet(addAcceleration(addPlaces(new Command('verify')))))
    .argument('<release>', 'folder that build printed')
    .description('check a finished release: digests, structure, boots')
    .action(async (release: string, options: VerifyOptions) => {
      await (await import('./verify.js')).runVerify(release, options, io)
    })
}

function sign(io: CommandIo): Command {
  return addJson(addKeys(addPlaces(new Command('sign'))))
    .argument('[release]', 'folder that build printed')
    .description('write SBOM, provenance, sums and signatures into a finished release')
    .option('--rehash', 'read every file again, whatever is remembered of it')
    .option('--check', 'only try the keys; needs no release')
    .action(async (release: string | undefined, options: SignOptions & { readonly check?: boolean }, command: Command) => {
      if (options.check) {
        if (release !== undefined || options.rehash) throw optionUseless(release ?? '--rehash', 'with --check nothing is signed')
        return await (await import('./sign.js')).runSignCheck(options, io)
      }
      if (release === undefined) command.error("error: missing required argument 'release'")
      await (await import('./sign.js')).runSign(release, options, io)
    })
}

function publish(io: CommandIo): Command {
  return addJson(addWrite(addPlaces(new Command('publish'))))
    .argument('<release>', 'folder that sign has finished')
    .description('upload a verified release to an S3 bucket, then move a channel to it')
    .option('--channel <name>', 'channel to move', 'nightly')
    .option('--allow-unverified', 'publish without a complete verification; the release is marked, stable never moves')
    .option('--allow-retracted', 'publish again what was taken back, and take that mark away')
    .option('--rehash', 'read every file again, whatever is remembered of it')
    .option('--dry-run', 'list every object instead of uploading it')
    .addOption(new Option('--parallel <number>', 'requests with content at a time').default(4).argParser(checkConnections))
    .addOption(new Option('--stale-days <days>', 'end unfinished uploads that are older').default(7).argParser(checkAge))
    .action(async (release: string, options: PublishOptions) => {
      await (await import('./publish.js')).runPublish(release, options, io)
    })
}

function releases(io: CommandIo): Command {
  return addJson(addTree(addPlaces(new Command('releases'))))
    .argument('[appliance]', 'only this one')
    .description('list what is published, and where the channels point')
    .action(async (appliance: string | undefined, options: TreeOptions) => {
      await (await import('./manage.js')).runReleases(appliance, options, io)
    })
}

function managing(name: string): Command {
  return addJson(addWrite(addPlaces(new Command(name)))).option('--appliance <name>', 'whose releases', defaultAppliance)
}

function promote(io: CommandIo): Command {
  return managing('promote')
    .argument('<from>', 'channel that points to the release, such as nightly')
    .argument('<to>', 'channel to move, such as stable')
    .description('point a channel to the release of another one; nothing is uploaded')
    .action(async (from: string, to: string, options: WriteOptions) => {
      await (await import('./manage.js')).runPromote(from, to, options, io)
    })
}

function retract(io: CommandIo): Command {
  return managing('retract')
    .argument('<channel or version>', 'the release to take back')
    .description('point every channel of a release back to the one before; its files stay')
    .requiredOption('--reason <text>', 'why, for readers')
    .action(async (what: string, options: RetractOptions) => {
      await (await import('./manage.js')).runRetract(what, options, io)
    })
}

function prune(io: CommandIo): Command {
  return managing('prune')
    .description('delete old releases; never one that a channel points to')
    .addOption(new Option('--keep <number>', 'newest releases that stay').default(14).argParser(checkCount))
    .addOption(new Option('--keep-stable <number>', 'of those that were ever stable; "all" for every one').default('all' as number | 'all').argParser(countOrAll))
    .addOption(new Option('--stale-days <days>', 'what a killed publish or prune has left goes when older').default(7).argParser(checkAge))
    .option('--dry-run', 'say what would go')
    .action(async (options: PruneOptions) => {
      await (await import('./manage.js')).runPrune(options, io)
    })
}

function fetch(io: CommandIo): Command {
  return addJson(addPlaces(new Command('fetch')))
    .argument('[appliance]', 'its name', defaultAppliance)
    .description('download a published release for one target, checked')
    .addOption(new Option('-t, --target <name>', 'the target').default(defaultTarget))
    .option('--from <url>', 'address of the download page (default: $PIPELINE_RELEASES)')
    .option('--channel <name>', 'stable, nightly or another channel', 'stable')
    .option('--version <text>', 'a version instead of what the channel points to')
    .option('-o, --output <folder>', 'folder that gets <appliance>-<version>/', '.')
    .addOption(new Option('--key <file>', "the publisher's public key; may be repeated (default: those in keys/)").default([], 'none').argParser(collect))
    .option('--allow-unsigned', 'take what is not signed, or cannot be checked for want of a key')
    .option('--allow-unverified', 'take a release that was published without its verification')
    .addOption(new Option('--delta-from <file>', 'older copy to take unchanged parts from; may be repeated (default: the newest beside the new one)').default([], 'none').argParser(collect))
    .option('--no-delta', 'download everything')
    .addOption(new Option('--patience <seconds>', 'how long to go on trying while nothing comes').default(300).argParser(checkSeconds))
    .addOption(new Option('--connections <number>', 'ranges at once').default(4).argParser(checkConnections))
    .action(async (appliance: string, options: FetchOptions) => {
      await (await import('./fetch.js')).runFetch(appliance, options, io)
    })
}

function iso(io: CommandIo): Command {
  return addMirror(addAcceleration(addSet(addPlaces(new Command('iso')))))
    .argument('[appliance]', 'folder under kickstarts/', defaultAppliance)
    .description('make an installer for bare metal; its menu boots the local disk when no key is pressed')
    .option('--no-wait', 'refuse at once when another build uses the store')
    .option('-o, --output <file>', 'the ISO (default: <appliance>-<version>.iso among the artifacts)')
    .option('--unattended', 'install without a key being pressed, after a countdown; needs --disk')
    .option('--disk <rule>', 'the disk to erase: only, smallest, or a name of /dev/disk/by-id')
    .option('--bundle', 'with all packages of all roles on the medium (el family); it then needs no network')
    .addOption(new Option('--fit <MiB>', 'refuse an ISO that is larger').argParser(checkMib))
    .action(async (appliance: string, options: IsoOptions) => {
      await (await import('./iso.js')).runIso(appliance, options, io)
    })
}

function clean(io: CommandIo): Command {
  return addJson(addPlaces(new Command('clean')))
    .description('remove old stage results, and chunk indexes of releases that are gone; the newest result of each stage of each appliance stays')
    .option('--all', 'remove the newest, too')
    .option('--releases', 'remove old releases, too; the newest of each appliance stays unless --all')
    .option('--appliance <name>', 'remove releases of this appliance only')
    .addOption(new Option('--keep <release>', 'folder of a release that stays, too; may be repeated').default([], 'none').argParser((value: string, previous: readonly string[]) => [...previous, value]))
    .action(async (options: CleanOptions) => {
      await (await import('./clean.js')).runClean(options, io)
    })
}

function targets(io: CommandIo): Command {
  return addJson(new Command('targets'))
    .description('list the targets')
    .action(async (options: { json?: boolean }) => {
      await (await import('./targets.js')).runTargets(options, io)
    })
}

function doctor(io: CommandIo): Command {
  return addJson(addSet(addPlaces(new Command('doctor'))))
    .argument('[appliance]', 'of the el family: ask the addresses it is built from, too')
    .description('say what this host has and lacks: programs, acceleration, disk')
    .option('--field <name>', 'print one value only: acceleration')
    .action(async (appliance: string | undefined, options: DoctorOptions) => {
      await (await import('./doctor.js')).runDoctor(appliance, options, io)
    })
}

export interface RenderOptions extends PlaceOptions {
  readonly out: string
  readonly set: readonly string[]
}

export interface DoctorOptions extends PlaceOptions {
  readonly set: readonly string[]
  readonly field?: string
  readonly json?: boolean
}
