/**
 * What a target is: data first, then what it plans, writes and checks; every file beside this one
 * (but index.ts) implements it.
 */
import type { Run } from '../tools/command.js'
import type { DeviceAlias } from '../tools/module-alias.js'
import type { ToolNeed } from '../tools/need.js'
import type { Family, Spec } from '../spec/types.js'

/**
 * What the guest must carry to run on the target; the plan merges the needs of every target of the
 * spec.
 */
export interface GuestNeeds {
  readonly packages: Readonly<Record<Family, readonly string[]>>
  /** Kernel modules without which the disk is not found: they must be in the initramfs. */
  readonly drivers: readonly string[]
  /** Kernel modules loaded later (network, random numbers): they must be on the disk. */
  readonly modules: readonly string[]
  /** Hardware of the target that no QEMU has, so that no boot here shows its driver: the kernel's own tables must. */
  readonly devices: readonly DeviceAlias[]
  readonly kernelArguments: readonly string[]
}

export interface PlanInput {
  readonly spec: Spec
  /** Version of the build, as it stands in file names. */
  readonly version: string
  /** Bytes in use on the golden disk, known or estimated. */
  readonly usedBytes: number
}

/** A file that an export will write. */
export interface ArtifactPlan {
  /** File name inside artifacts/<appliance>-<version>/<target>/. */
  readonly name: string
  readonly mediaType: string
  readonly estimatedBytes: number
}

/** A disk image on this host. */
export interface DiskFile {
  /** Absolute. */
  readonly path: string
  readonly format: 'qcow2' | 'raw'
}

export interface ExportInput {
  readonly spec: Spec
  readonly version: string
  /** The sealed disk; never written to. */
  readonly goldenDisk: DiskFile
  /** Empty folder to fill, absolute; the caller renames it when all is written. */
  readonly directory: string
  readonly signal: AbortSignal
}

/** A file that an export wrote. */
export interface Artifact {
  /** File name inside the target's folder. */
  readonly name: string
  readonly mediaType: string
  readonly bytes: number
  readonly executable: boolean
}

export interface VerifyInput {
  readonly spec: Spec
  readonly version: string
  /** The target's folder, absolute. */
  readonly directory: string
  /** Absent when a release is checked that another host has built: then the contents are not compared. */
  readonly goldenDisk?: DiskFile
  readonly signal: AbortSignal
}

/** One thing that was looked at and found right, for the verification report. */
export interface PassedCheck {
  readonly name: string
  /** What was found, one line. */
  readonly found: string
}

/** Virtual hardware on which verification boots the exported file. */
export interface BootPlan {
  /** Unique within the target: `bios`, `uefi`. */
  readonly name: string
  readonly firmware: 'bios' | 'uefi'
  /** Artifact that holds the disk; boots run on a copy-on-write overlay of it. */
  readonly disk: string
  /** qemu-img's name of that file's format. */
  readonly diskFormat: string
  /** QEMU device names. */
  readonly machine: string
  readonly diskDevice: string
  readonly networkDevice: string
}

export interface TargetDeps {
  readonly run: Run
  /**
   * Renders templates/<file> with the data; the engine comes later in the import order, so it is
   * handed in.
   */
  readonly render: (file: string, data: object) => Promise<string>
}

export interface Target {
  /** = file name = folder in the release */
  readonly name: string
  /** One line for `pipeline targets`. */
  readonly summary: string
  /** What the export reads: the sealed disk. */
  readonly from: 'disk'
  /** Programs that export and verify run; all are looked for before a build starts. */
  readonly tools: readonly ToolNeed[]
  readonly guest: GuestNeeds
  /** Names, media types and sizes; pure. */
  plan(input: PlanInput): readonly ArtifactPlan[]
  /** Fills the folder with exactly the planned files. Errors: those of Run. */
  export(input: ExportInput, deps: TargetDeps): Promise<readonly Artifact[]>
  /** Opens what export wrote; throws one PipelineError (exit 5) that holds every fault found. */
  verify(input: VerifyInput, deps: TargetDeps): Promise<readonly PassedCheck[]>
  /** Boots that this host can run; absent: the target's hardware cannot be had here. */
  boots?(input: PlanInput): readonly BootPlan[]
}
