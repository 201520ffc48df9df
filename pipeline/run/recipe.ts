/** What differs between the families of distributions: what the installer boots, and how it writes the base disk. */
import type { RenderedFile } from '../render/files.js'
import type { PackageList, PackageSource } from '../stages/release-folder.js'
import type { StageContext, VmContext } from '../stages/types.js'
import type { Run } from '../tools/command.js'
import type { Json } from '../tools/json.js'
import type { Needle } from '../tools/needles.js'
import type { ToolVersions } from '../tools/versions.js'
import type { PrepareRequest } from './prepare.js'

/** What a recipe is made with. */
export interface RecipeTools {
  readonly request: PrepareRequest
  /** May still be asked while the mirror is. */
  readonly versions: Promise<ToolVersions>
  readonly run: Run
  /** What the targets of the spec need on the disk, of the spec's family. */
  readonly guestPackages: readonly string[]
}

/** A finished media stage. */
export interface StoredMedia {
  readonly directory: string
  /** What the installer boots; also what KVM is tried with. */
  readonly kernel: string
}

/** Where the commands of a dry run read and write: the folders of the stages. */
export interface DryRunPlaces {
  readonly media: string
  readonly install: string
}

export interface Recipe {
  readonly mediaInputs: Json
  /** Without the key of the media stage. */
  readonly installInputs: { readonly [name: string]: Json }
  /** What provision uploads, and lays down in the image. */
  readonly provisionFiles: readonly RenderedFile[]
  /** Seconds since 1970: date of the newest input that comes from the network. */
  readonly sourceDateEpoch: number
  /** For the manifest. */
  readonly packageSources: readonly PackageSource[]
  /** Strings of this host that must not be in the image. */
  readonly forbidden: readonly Needle[]
  readonly media: (context: StageContext, directory: string) => Promise<void>
  readonly install: (media: string, context: VmContext, directory: string) => Promise<void>
  /** What the audit holds the packages' signatures to; absent where the bootstrap has checked them. */
  readonly rpmKeys?: readonly string[]
  /** Of the golden disk. */
  readonly packagesOf: (disk: string, run: Run) => Promise<PackageList>
  /** Lines for a shell; what they read is written into `directory`. */
  readonly mediaLines: (directory: string) => Promise<readonly string[]>
  /** @param run writes commands down in place of running them */
  readonly installLines: (places: DryRunPlaces, vm: DryRunVm, run: Run) => Promise<readonly string[]>
}

export interface DryRunVm {
  readonly acceleration: VmContext['acceleration']
  readonly qemuBinary: string
  readonly serialLog: string
}
