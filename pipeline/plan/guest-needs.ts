/** What the golden disk must carry for every target of the spec, whatever is exported from it. */
import type { Spec } from '../spec/types.js'
import type { Target } from '../targets/types.js'
import type { DeviceAlias } from '../tools/module-alias.js'

export interface MergedNeeds {
  /** Kernel modules that must be in the initramfs, and on the disk. */
  readonly drivers: readonly string[]
  readonly modules: readonly string[]
  /** Packages of the spec's family. */
  readonly packages: readonly string[]
  readonly devices: readonly DeviceAlias[]
}

/** Each need once, in the order of names, so that equal needs give an equal stage key. Pure. */
export function mergeGuestNeeds(targets: readonly Target[], spec: Pick<Spec, 'family' | 'targets'>): MergedNeeds {
  const needs = targets.filter(target => spec.targets.includes(target.name)).map(target => target.guest)
  const devices = new Map(needs.flatMap(need => need.devices).map(device => [`${device.alias} ${device.place}`, device]))
  return {
    drivers: names(needs.flatMap(need => need.drivers)),
    modules: names(needs.flatMap(need => need.modules)),
    packages: names(needs.flatMap(need => need.packages[spec.family])),
    devices: [...devices.keys()].sort().flatMap(key => devices.get(key) ?? []),
  }
}

function names(all: readonly string[]): readonly string[] {
  return [...new Set(all)].sort()
}
