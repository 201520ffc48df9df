/** Compiles a kickstart for the debian family, to a package set and a builder VM's install script. */
import { dirname, relative } from 'node:path'
import { kickstartRule } from '../errors/kickstart.js'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { compileAccounts } from './accounts.js'
import { joinAreas } from './area.js'
import type { Area, AreaContext, ImpliedPackage, Step } from './area.js'
import { compileBootloader, kernelArgumentsOf } from './bootloader.js'
import { readDebianCommands } from './read-commands.js'
import type { Commands } from './read-commands.js'
import { compileDisk, compileFstab } from './disk.js'
import { copyLines, hostKeysUnit, installScript } from './install-script.js'
import { layoutMib, planLayout } from './layout.js'
import type { Layout } from './layout.js'
import { basePackages, impliedPackages, neededExclusions } from './implied-packages.js'
import { compileNetwork } from './network.js'
import { compilePackages, readPackages } from './packages.js'
import type { PackageList } from './packages.js'
import { compileScripts, sectionProblems } from './scripts.js'
import { compileServices } from './services.js'
import { compileSources } from './sources.js'
import { compileSystem, hostnameOf } from './system.js'
import { formatPlace } from './types.js'
import type { Kickstart, Place } from './types.js'

export interface CompileOptions {
  /** UUIDs of the disk, its partitions and file systems are derived from it. */
  readonly seed: string
  /** Seconds since 1970; newer files of the image get this date. @default the date of the media's package list */
  readonly sourceDateEpoch?: number
  /** Size of the disk to install on; a layout that does not fit is then an error. */
  readonly diskMib?: number
}

export interface DebianInstall {
  readonly packages: {
    /** For the bootstrap: what %packages names, then what the commands imply; each once. */
    readonly include: readonly string[]
    /** The install script fails when one of these was installed nevertheless. */
    readonly exclude: readonly string[]
    /** The members of `include` that %packages does not name, and why they are there. */
    readonly implied: readonly ImpliedPackage[]
  }
  /** Texts of the kickstart disk by path: `install.sh`, scripts (`post/01.sh`), files of the image (`system/etc/fstab`). */
  readonly files: Readonly<Record<string, string>>
  readonly hostname: string
  /** Of the installed system, as in `bootloader --append`. */
  readonly kernelArguments: string
  readonly layout: Layout
}

const diskCommands = [
  'part',
  'partition',
  'autopart',
  'reqpart',
  'raid',
  'volgroup',
  'logvol',
  'btrfs',
  'mount',
]

/**
 * Errors (exit 2), all at once, each with file:line: a command, option or section that the debian family cannot
 * honour, a wrong value, a layout without root or with two of something.
 */
export function compileDebian(tree: Kickstart, options: CompileOptions): DebianInstall {
  const { commands, refused, problems } = readDebianCommands(tree)
  const list = readPackages(tree)
  const wanted = [...new Set(list.entries.filter(entry => !entry.excluded).map(entry => entry.name))]
  const context = {
    seed: options.seed,
    file: tree.file,
    packages: new Set(wanted),
    shownPlace: (place: Place) => showPlace(tree.file, place),
  }
  // A disk command that was refused must not lead to "there is no disk command" as well.
  const planned = diskCommands.some(name => refused.has(name))
    ? { problems: [] }
    : planLayout(commands, { file: tree.file, seed: options.seed })
  const area = joinAreas(areasInOrder({ tree, commands, list, layout: planned.layout, context }))
  const implied = impliedPackages(area.needs, context.packages)
  const found = [
    ...problems,
    ...sectionProblems(tree),
    ...list.problems,
    ...planned.problems,
    ...area.problems,
    ...neededExclusions(list, implied),
    ...(planned.layout ? fitProblems(planned.layout, options.diskMib) : []),
  ]
  if (found.length > 0 || !planned.layout) throw joinProblems(inFileOrder(found))
  const { name } = hostnameOf(commands)
  return {
    packages: {
      include: [...wanted, ...implied.map(each => each.name)],
      exclude: list.entries.filter(entry => entry.excluded).map(entry => entry.name),
      implied,
    },
    files: {
      ...area.files,
      'install.sh': installScript({
        kickstart: showFile(tree.file, tree.file),
        sourceDateEpoch: options.sourceDateEpoch,
        steps: area.steps,
      }),
    },
    hostname: name,
    kernelArguments: kernelArgumentsOf(commands),
    layout: planned.layout,
  }
}

interface AreaInput {
  readonly tree: Kickstart
  readonly commands: Commands
  readonly list: PackageList
  readonly layout: Layout | undefined
  readonly context: AreaContext & { readonly file: string }
}

/** The order of the installation: as Anaconda's, %post after the boot loader. */
function areasInOrder({ tree, commands, list, layout, context }: AreaInput): Area[] {
  return [
    compileScripts(tree, '%pre', context),
    layout ? compileDisk(layout, commands, context) : {},
    compileScripts(tree, '%pre-install', context),
    { steps: [copyStep(tree, context)], needs: basePackages },
    compilePackages(list, context),
    layout ? compileFstab(layout, context) : {},
    compileSystem(commands, context),
    compileSources(commands, context),
    compileNetwork(commands, context),
    compileAccounts(commands, context),
    compileServices(commands, context),
    layout ? compileBootloader(commands, layout, context) : {},
    compileScripts(tree, '%post', context),
    { files: { 'system/etc/systemd/system/ssh.service.d/host-keys.conf': hostKeysUnit } },
  ]
}

function copyStep(tree: Kickstart, context: AreaContext): Step {
  const section = tree.nodes.find(({ name }) => name === '%packages')
  const place = context.shownPlace(section?.place ?? { file: tree.file, line: 1 })
  return { place, what: 'copy the system', lines: copyLines }
}

function fitProblems(layout: Layout, diskMib: number | undefined): PipelineError[] {
  const needed = layoutMib(layout)
  if (diskMib === undefined || needed <= diskMib) return []
  const place = layout.partitions.toSorted((a, b) => b.sizeMib - a.sizeMib)[0]?.place
  if (!place) return []
  return [
    kickstartRule(
      formatPlace(place),
      `the partitions need ${needed} MiB, and the disk has ${diskMib} MiB`,
      'Make a partition smaller, or the disk larger: hardware.diskGib in appliance.yaml.'
    ),
  ]
}

/** Problems come from many places; their reader goes through the file from the top. */
function inFileOrder(problems: readonly PipelineError[]): PipelineError[] {
  const key = ({ message }: PipelineError) => Number(/^.*?:(\d+): /.exec(message)?.[1] ?? 0)
  return problems.toSorted((a, b) => key(a) - key(b))
}

function showPlace(root: string, place: Place): string {
  return `${showFile(root, place.file)}:${place.line}`
}

/** Relative to the kickstart's folder: the script is part of a key that must not depend on where the project lies. */
function showFile(root: string, file: string): string {
  const path = relative(dirname(root), file)
  return path.startsWith('..') ? file : path
}
