/**
 * What a target is: data first, then what it plans, writes and checks; every file beside this one
 * (but index.ts and what begins with target-) implements it.
 */
import type { ImageWriter } from '../images/types.js'
import type { Run } from '../tools/command.js'
import type { DeviceAlias } from '../tools/module-alias.js'
import type { ToolNeed } from '../tools/need.js'
import type { Family, Spec } from '../spec/types.js'
import type { TargetHost, TargetPage } from './target-hosts.js'

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

/** What the command line says about the export; kept in the manifest, so that a check later on knows it. */
export interface ExportOptions {
  /** Digest in the manifest of an OVA: sha1 for vSphere before 6.5, none for what refuses any. */
  readonly ovaManifest: 'sha256' | 'sha1' | 'none'
  /** Also a fixed VHD for Hyper-V, as long as the disk: for what reads no VHDX. */
  readonly hypervVhd: boolean
}

export interface PlanInput {
  readonly spec: Spec
  readonly options: ExportOptions
  /** Version of the build, as it stands in file names. */
  readonly version: string
  /** Bytes in use on the golden disk, known or estimated. */
  readonly usedBytes: number
  /** Which part of them is left after compression, measured on the disk; absent: what is usual for a system disk. */
  readonly packedShare?: number
}

/** A file that an export will write. */
export interface ArtifactPlan {
  /** Path inside artifacts/<appliance>-<version>/<target>/; at most one folder deep. */
  readonly name: string
  readonly mediaType: string
  readonly estimatedBytes: number
  /** Another artifact of the target that holds this very file: publishing leaves this one out. */
  readonly packedIn?: string
}

/** A disk image on this host. */
export interface DiskFile {
  /** Absolute. */
  readonly path: string
  readonly format: 'qcow2' | 'raw'
}

export interface ExportInput {
  readonly spec: Spec
  /** Date of the newest input, seconds since 1970: stands for the clock, so that equal inputs give equal files. */
  readonly sourceDateEpoch: number
  readonly options: ExportOptions
  readonly version: string
  /** The sealed disk; never written to. */
  readonly goldenDisk: DiskFile
  /** Empty folder to fill, absolute; the caller renames it when all is written. */
  readonly directory: string
  readonly signal: AbortSignal
}

/** A file that an export wrote. */
export interface Artifact {
  /** Path inside the target's folder. */
  readonly name: string
  readonly mediaType: string
  readonly bytes: number
  readonly executable: boolean
  readonly packedIn?: string
}

/** An export that is ready to begin. */
export interface TargetExport {
  /** Fed by the stage's one pass over the golden disk, together with those of all other targets. */
  readonly writers: readonly ImageWriter[]
  /** After it: descriptors that hold sizes and digests. Then exactly the planned files are there. */
  readonly finish: () => Promise<readonly Artifact[]>
}

export interface VerifyInput {
  readonly spec: Spec
  /** As the export was given it. */
  readonly sourceDateEpoch: number
  readonly options: ExportOptions
  readonly version: string
  /** The target's folder, absolute. */
  readonly directory: string
  /** Absent when a release is checked that another host has built: then the contents are not compared. */
  readonly goldenDisk?: DiskFile
  readonly signal: AbortSignal
}

/**
 * One thing that was looked at and found right, for the verification report; or one that could not be looked at on this
 * host, though another could.
 */
export type TargetCheck =
  | {
    readonly name: string
    /** What was found, one line. */
    readonly found: string
  }
  | {
    readonly name: string
    /** What is missing, one line. */
    readonly skipped: string
  }

/** Virtual hardware on which verification boots the exported file. */
export interface BootPlan {
  /** Unique within the target: `bios`, `uefi`. */
  readonly name: string
  readonly firmware: 'bios' | 'uefi'
  /** Artifact that holds the disk; boots run on a copy-on-write overlay of it. */
  readonly disk: string
  /**
   * Set when that artifact is an archive: the file in it that is the disk. A tar that is not compressed is read in
   * place; from any other the file is unpacked first.
   */
  readonly member?: string
  /** qemu-img's name of that file's format. */
  readonly diskFormat: string
  /** QEMU device names. */
  readonly machine: string
  readonly diskDevice: string
  readonly networkDevice: string
  /** The user that the first boot of this artifact alone makes; it logs in by its key, and sudo asks it nothing. */
  readonly account?: string
}

export interface TargetDeps {
  readonly run: Run
  /**
   * Renders templates/<file> with the data; the engine comes later in the import order, so it is
   * handed in.
   */
  readonly render: (file: string, data: object) => Promise<string>
  /** The folder of the templates, absolute: schemas lie there, too. */
  readonly templates: string
}

/** A start of the exported files on real Xen, which itself runs in QEMU. */
export interface XenBootPlan {
  /** Unique among all boots of the target: `pv`, `hvm`. */
  readonly name: string
  /** What the configuration asks Xen for; a guest of the second kind has page tables and page faults of its own. */
  readonly virtualisation: 'para' | 'full'
  /** Artifacts that the start needs, `start.sh` among them; they are used as they are. */
  readonly files: readonly string[]
  /** Of `start.sh`. */
  readonly arguments: readonly string[]
  /** Artifact that is the disk the configuration names. */
  readonly disk: string
  /** xl's name of that file's format. */
  readonly diskFormat: 'raw' | 'qcow2'
  /**
   * The state that it must come to; how far it came beyond that is reported. An HVM guest on an emulated processor is
   * so slow that its time may be over before it is ready.
   */
  readonly reaches: 'booting' | 'ready'
}

/** A piece of virtual hardware, or a file, that no boot here shows; reported with its reason, never passed over. */
export interface UnshownBoot {
  readonly name: string
  readonly reason: string
}

/** What a program of others reads of the golden disk for itself, beside the one pass. */
export interface DiskRead {
  readonly program: string
  /** Which part of the disk. */
  readonly what: string
  readonly estimatedBytes: number
}

export interface Target {
  /** = file name = folder in the release */
  readonly name: string
  /** One line for `pipeline targets`. */
  readonly summary: string
  /** What the export reads: the sealed disk. */
  readonly from: 'disk'
  /** What runs its files. */
  readonly hosts: readonly TargetHost[]
  readonly page: TargetPage
  /** Programs that export and verify run; all are looked for before a build starts. */
  readonly tools: readonly ToolNeed[]
  readonly guest: GuestNeeds
  /** Folders in templates/ that it renders from besides its own: a change there is one of its files, too. */
  readonly templates?: readonly string[]
  /** Options that change its files; no other makes it write them again. @default none */
  readonly heeds?: readonly (keyof ExportOptions)[]
  /** Names, media types and sizes; pure. */
  plan(input: PlanInput): readonly ArtifactPlan[]
  /** Bytes that the export needs besides its files while it runs. @default 0 */
  scratchBytes?(input: PlanInput): number
  /** Reads of the export beside the pass, for plan and progress to count. @default none */
  readonly reads?: readonly DiskRead[]
  /** Prepares the export; what needs no golden disk may be written at once. Errors: those of Run. */
  export(input: ExportInput, deps: TargetDeps): Promise<TargetExport>
  /** Opens what export wrote; throws one PipelineError (exit 5) that holds every fault found. */
  verify(input: VerifyInput, deps: TargetDeps): Promise<readonly TargetCheck[]>
  /** Boots that this host can run; absent: the target's hardware cannot be had here. */
  boots?(input: PlanInput): readonly BootPlan[]
  /** Starts under Xen; absent: the target is no Xen's. */
  xenBoots?(input: PlanInput): readonly XenBootPlan[]
  /** Hardware of the target that QEMU cannot play, and files that are compared only. */
  unshown?(input: PlanInput): readonly UnshownBoot[]
}
