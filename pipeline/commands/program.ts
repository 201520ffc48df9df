/** All commands with their options and help. Each action is loaded when it is run, so that --help is instant. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { exitCodeMeanings, exitCodes } from '../errors/exit-codes.js'
import { packageRoot } from './places.js'
import { addAcceleration, addInputs, addJson, addPlaces, addSet, checkMib, defaultAppliance } from './options.js'
import type { BuildOptions, PlaceOptions } from './options.js'
import type { CheckOptions } from './check.js'
import type { CleanOptions } from './clean.js'
import type { IsoOptions } from './iso.js'
import type { VerifyOptions } from './verify.js'
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
  for (const command of [build, plan, render, check, verify, targets, doctor, iso, clean]) {
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
    .description('write the rendered kickstart, install script, Packer JSON and first-boot files to a folder')
    .requiredOption('-o, --output <folder>', 'new or empty folder to write to')
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

function iso(io: CommandIo): Command {
  return addSet(addPlaces(new Command('iso')))
    .argument('<appliance>', 'folder under kickstarts/, of the el family')
    .description('make an installer for bare metal; its menu boots the local disk when no key is pressed')
    .option('-o, --output <file>', 'the ISO (default: <appliance>-<version>.iso among the artifacts)')
    .option('--unattended', 'install without a key being pressed, after a countdown; needs --disk')
    .option('--disk <rule>', 'the disk to erase: only, smallest, or a name of /dev/disk/by-id')
    .addOption(new Option('--fit <MiB>', 'refuse an ISO that is larger').argParser(checkMib))
    .action(async (appliance: string, options: IsoOptions) => {
      await (await import('./iso.js')).runIso(appliance, options, io)
    })
}

function clean(io: CommandIo): Command {
  return addJson(addPlaces(new Command('clean')))
    .description('remove old stage results; the newest of each stage stays')
    .option('--all', 'remove the newest, too')
    .option('--releases', 'remove old releases, too; the newest of each appliance stays unless --all')
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
    .description('say what this host has and lacks: programs, acceleration, disk, mirror')
    .option('--field <name>', 'print one value only: acceleration')
    .action(async (appliance: string | undefined, options: DoctorOptions) => {
      await (await import('./doctor.js')).runDoctor(appliance, options, io)
    })
}

export interface RenderOptions extends PlaceOptions {
  readonly output: string
  readonly set: readonly string[]
}

export interface DoctorOptions extends PlaceOptions {
  readonly set: readonly string[]
  readonly field?: string
  readonly json?: boolean
}
