/** Packages that an image needs although its kickstart does not name them. */
import { kickstartRule } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { ImpliedPackage } from './area.js'
import type { PackageList } from './packages.js'
import { formatPlace } from './types.js'

/** What every image needs to start at all, whatever its kickstart says. */
export const basePackages: readonly ImpliedPackage[] = [
  { name: 'linux-image-amd64', reason: 'is the kernel' },
  { name: 'systemd-sysv', reason: 'is the init system' },
  { name: 'udev', reason: 'finds devices' },
]

export function impliedPackages(
  needs: readonly ImpliedPackage[],
  wanted: ReadonlySet<string>
): ImpliedPackage[] {
  const first = new Map<string, ImpliedPackage>()
  for (const need of needs)
    if (!wanted.has(need.name) && !first.has(need.name)) first.set(need.name, need)
  return [...first.values()]
}

export function neededExclusions(
  list: PackageList,
  implied: readonly ImpliedPackage[]
): PipelineError[] {
  return list.entries
    .filter(entry => entry.excluded)
    .flatMap(({ name, place }) => {
      const need = implied.find(each => each.name === name)
      if (!need) return []
      return [
        kickstartRule(
          formatPlace(place),
          `${name} cannot be left out: it ${need.reason}`,
          'Take the line out.'
        ),
      ]
    })
}
