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

/** A spec with the place it came from. */
export interface LoadedAppliance {
  readonly spec: Spec
  /** Absolute path of kickstarts/<name>/. */
  readonly directory: string
}
