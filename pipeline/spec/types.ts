/**
 * What an appliance is: `Spec` is appliance.yaml after validation and defaults; every later module
 * reads this.
 */

export type Family = 'debian' | 'el'

export interface Spec {
  /** = folder name under kickstarts/ */
  readonly name: string
  /** The appliance's title for people, one line. */
  readonly title: string
  /** Semantic version of the appliance's description, without build part. */
  readonly version: string
  readonly family: Family
  /** Release of the family: `trixie`, `7.9`. */
  readonly release: string
  readonly architecture: 'amd64'
  /** Kickstart template, relative to the appliance's folder. */
  readonly kickstart: string
  readonly hostname: string
  readonly hardware: {
    readonly cpus: number
    readonly memoryMib: number
    /**
     * Virtual size of the golden disk, whole GiB (see facts: every format's geometry is satisfied
     * then).
     */
    readonly diskGib: number
  }
  readonly nestedVirt: 'required' | 'off'
  readonly network: {
    /** CIDR used when no DHCP server answers. */
    readonly fallbackAddress: string
    readonly fallbackGateway: string
    readonly dhcpWaitSeconds: number
  }
  readonly cloud: {
    /**
     * First choice of subnet for the cloud's own bridge, CIDR of the bridge address; another is
     * taken when it clashes with the uplink.
     */
    readonly bridgeAddress: string
    readonly demoVmMemoryMib: number
  }
  /** Lines of the image's own sources.list; empty: what the bootstrap writes without a mirror. */
  readonly aptSources: readonly string[]
  /** What the el family needs besides; empty values for the debian family. */
  readonly el: ElSpec
  /** Targets whose guest needs the golden disk carries, whatever is exported. */
  readonly targets: readonly string[]
  readonly timeouts: {
    /** With hardware acceleration; emulation multiplies them. */
    readonly installSeconds: number
    readonly provisionSeconds: number
    readonly readySeconds: number
  }
  /** Free values for the appliance's own templates. */
  readonly params: Readonly<Record<string, string | number | boolean>>
}

export interface ElSpec {
  /** Boot ISO (an address or a path, `.iso`) or installation tree that Anaconda starts from and installs the minimal system from. */
  readonly installerUrl: string
  /** SHA-256 of the ISO, or of the tree's `.treeinfo`, which holds those of its files. */
  readonly installerSha256: string
  /** How Anaconda gets the kickstart: over HTTP from the builder, or on a disk labelled OEMDRV, without a network (RHEL 7 and newer). */
  readonly kickstartBy: 'http' | 'disk'
  /** Copies of every address below are looked for at `<mirror>/<host>/<path>`. Empty: the addresses themselves. */
  readonly mirror: string
  /** yum repositories by id. */
  readonly repositories: Readonly<Record<string, ElRepository>>
  /** Keys that packages are signed with, by name. */
  readonly keys: Readonly<Record<string, ElKey>>
  /** Disk image of the demo instance, any format qemu-img reads. */
  readonly demoImageUrl: string
  readonly demoImageSha256: string
  /** Addresses that instances are reached by, `a-b`, on the appliance's own network. */
  readonly publicAddresses: string
  /** Addresses of instances on the cloud's bridge, `a-b`. */
  readonly privateAddresses: string
}

export interface ElRepository {
  readonly url: string
  /** A name in `keys`, or several: its packages are signed by any of them. */
  readonly key: string | readonly string[]
}

export interface ElKey {
  readonly url: string
  /** 40 hexadecimal digits; a key with another one is not imported. */
  readonly fingerprint: string
}

/** A spec with the place it came from. */
export interface LoadedAppliance {
  readonly spec: Spec
  /** Absolute path of kickstarts/<name>/. */
  readonly directory: string
}
