/** From the description as written to the complete Spec: the only place that holds default values. */
import type { Family, Spec } from './types.js'

type Optional<Group> = { readonly [Key in keyof Group]?: Group[Key] }

/** appliance.yaml as validation lets it pass: four keys are there, the others may be. */
export interface WrittenSpec extends Omit<
  Partial<Spec>,
  'name' | 'hardware' | 'network' | 'cloud' | 'el' | 'timeouts'
> {
  readonly title: string
  readonly version: string
  readonly family: Family
  readonly release: string
  readonly hardware?: Optional<Spec['hardware']>
  readonly network?: Optional<Spec['network']>
  readonly cloud?: Optional<Spec['cloud']>
  readonly el?: Optional<Spec['el']>
  readonly timeouts?: Optional<Spec['timeouts']>
}

/**
 * Defaults that are the same for every appliance; a test holds the schema's `default`s (for
 * editors) to them.
 */
export const fixedDefaults = {
  architecture: 'amd64',
  hardware: { cpus: 2, memoryMib: 4096, diskGib: 10 },
  nestedVirt: 'required',
  network: { fallbackAddress: '192.168.42.2/24', fallbackGateway: '192.168.42.1', dhcpWaitSeconds: 20 },
  cloud: { bridgeAddress: '10.171.86.1/24', demoVmMemoryMib: 256 },
  aptSources: [],
  el: {
    installerUrl: '',
    installerSha256: '',
    kickstartBy: 'http',
    mirror: '',
    repositories: {},
    keys: {},
    demoImageUrl: '',
    demoImageSha256: '',
    publicAddresses: '',
    privateAddresses: '',
  },
  timeouts: { installSeconds: 600, provisionSeconds: 600, readySeconds: 300 },
  params: {},
} as const satisfies Partial<Spec>

export interface DefaultsContext {
  /** The appliance's folder name. */
  readonly name: string
  /** Names of all targets: the default of `targets`. */
  readonly knownTargets: readonly string[]
}

/** Fills in what was not written. Pure; throws nothing. */
export function applyDefaults(written: WrittenSpec, { name, knownTargets }: DefaultsContext): Spec {
  return {
    ...fixedDefaults,
    name,
    kickstart: `${name}.ks.hbs`,
    hostname: name,
    targets: knownTargets,
    ...written,
    hardware: { ...fixedDefaults.hardware, ...written.hardware },
    network: { ...fixedDefaults.network, ...written.network },
    cloud: { ...fixedDefaults.cloud, ...written.cloud },
    el: { ...fixedDefaults.el, ...written.el },
    timeouts: { ...fixedDefaults.timeouts, ...written.timeouts },
  }
}
