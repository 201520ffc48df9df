/** Cross-field rules: values that are each right but do not go together. */
import { suggest } from '../errors/nearest.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { specRule } from '../errors/spec.js'
import type { KeyPath } from './document.js'
import { formatKey } from './document.js'
import { formatSubnet, isHostAddress, overlap, parseAddress, parseSubnet } from './ipv4.js'
import { elRuleset } from './el-rules.js'
import type { Rule, Violation } from './rule.js'
import type { Family, Spec } from './types.js'

/** Releases whose package names and boot files are known; of el 6.10 that is all, so a build of it ends at install. */
const releases: Readonly<Record<Family, readonly string[]>> = { debian: ['trixie'], el: ['6.10', '7.9'] }
/** The system itself with its packages unpacked, and room to start in. */
const leastDiskGib: Readonly<Record<Family, number>> = { debian: 4, el: 20 }
/** What the host system and the cloud's services need beside the demo virtual machine. */
const leastHostMemoryMib = 1024

/** All rules, in the order of the description's keys. */
export const rules: readonly Rule[] = [
  releaseFitsFamily,
  diskIsEnough,
  memoryIsEnough,
  fallbackAddressIsUsable,
  gatewayIsInReach,
  bridgeIsUsable,
  bridgeIsElsewhere,
  aptSourcesFit,
  ...elRuleset,
  targetsAreKnown,
]

/** Every violation as an error; `place` gives `file:line` of a key. */
export function checkRules(
  spec: Spec,
  knownTargets: readonly string[],
  place: (path: KeyPath) => string
): readonly PipelineError[] {
  return rules
    .flatMap(rule => rule(spec, knownTargets))
    .map(({ path, problem, hint }) => specRule(place(path), formatKey(path), problem, hint))
}

function releaseFitsFamily({ family, release }: Spec): readonly Violation[] {
  const known = releases[family]
  if (known.includes(release)) return []
  return [
    {
      path: ['release'],
      problem: `the ${family} family has no release "${release}" here`,
      hint: suggest(release, known, 'Known releases'),
    },
  ]
}

function diskIsEnough({ family, hardware }: Spec): readonly Violation[] {
  const least = leastDiskGib[family]
  if (hardware.diskGib >= least) return []
  return [
    {
      path: ['hardware', 'diskGib'],
      problem: `${hardware.diskGib} GiB cannot hold the ${family} family's system`,
      hint: `Give it ${least} GiB or more; the file stays small.`,
    },
  ]
}

function memoryIsEnough({ hardware, cloud }: Spec): readonly Violation[] {
  const left = hardware.memoryMib - cloud.demoVmMemoryMib
  if (left >= leastHostMemoryMib) return []
  return [
    {
      path: ['cloud', 'demoVmMemoryMib'],
      problem: `${cloud.demoVmMemoryMib} MiB of hardware.memoryMib (${hardware.memoryMib}) leave ${left} MiB for the appliance itself`,
      hint: `Leave it ${leastHostMemoryMib} MiB or more.`,
    },
  ]
}

function fallbackAddressIsUsable({ network }: Spec): readonly Violation[] {
  return usable(['network', 'fallbackAddress'], network.fallbackAddress, {
    least: 8,
    most: 30,
    example: '192.168.42.2/24',
  })
}

function gatewayIsInReach({ network }: Spec): readonly Violation[] {
  const subnet = parseSubnet(network.fallbackAddress)
  const gateway = parseAddress(network.fallbackGateway)
  const path = ['network', 'fallbackGateway']
  const seen = network.fallbackGateway
  if (gateway === undefined)
    return [{ path, problem: `${seen} is not an IPv4 address`, hint: 'Write four numbers from 0 to 255.' }]
  if (!subnet) return []
  if (gateway === subnet.address) {
    return [{ path, problem: `${seen} is the appliance's own address`, hint: "Name the router's address." }]
  }
  if (isHostAddress(gateway, subnet)) return []
  return [
    {
      path,
      problem: `${seen} is not a machine's address in ${formatSubnet(subnet)}`,
      hint: 'Take one from the subnet of network.fallbackAddress.',
    },
  ]
}

function bridgeIsUsable({ cloud }: Spec): readonly Violation[] {
  return usable(['cloud', 'bridgeAddress'], cloud.bridgeAddress, {
    least: 8,
    most: 28,
    example: '10.171.86.1/24',
  })
}

function bridgeIsElsewhere({ cloud, network }: Spec): readonly Violation[] {
  const bridge = parseSubnet(cloud.bridgeAddress)
  const fallback = parseSubnet(network.fallbackAddress)
  if (!bridge || !fallback || !overlap(bridge, fallback)) return []
  return [
    {
      path: ['cloud', 'bridgeAddress'],
      problem: `${formatSubnet(bridge)} overlaps ${formatSubnet(fallback)} of network.fallbackAddress`,
      hint: 'Take another private subnet, such as 10.171.86.1/24.',
    },
  ]
}

/** A password in an address would be readable in every copy of the image. */
function aptSourcesFit({ aptSources, family }: Spec): readonly Violation[] {
  if (family !== 'debian' && aptSources.length > 0) {
    return [
      {
        path: ['aptSources'],
        problem: `the ${family} family has no sources.list`,
        hint: 'Leave the key out; repositories are named in the kickstart.',
      },
    ]
  }
  return aptSources.flatMap((line, at) =>
    /:\/\/[^/\s]*@/.test(line)
      ? [
          {
            path: ['aptSources', at],
            problem: 'the address carries a user name or password',
            hint: 'Name a source that can be read without: the line goes into the image.',
          },
        ]
      : []
  )
}

function targetsAreKnown({ targets }: Spec, knownTargets: readonly string[]): readonly Violation[] {
  return targets.flatMap((name, at) =>
    knownTargets.includes(name)
      ? []
      : [
          {
            path: ['targets', at],
            problem: `there is no target "${name}"`,
            hint: suggest(name, knownTargets, 'Targets'),
          },
        ]
  )
}

function usable(
  path: KeyPath,
  text: string,
  limits: { least: number; most: number; example: string }
): readonly Violation[] {
  const subnet = parseSubnet(text)
  const hint = `Write an address with a prefix length from ${limits.least} to ${limits.most}, such as ${limits.example}.`
  if (!subnet) return [{ path, problem: `${text} is not an IPv4 address with its prefix length`, hint }]
  if (subnet.prefix < limits.least || subnet.prefix > limits.most) {
    return [
      {
        path,
        problem: `the prefix length ${subnet.prefix} is not between ${limits.least} and ${limits.most}`,
        hint,
      },
    ]
  }
  if (isHostAddress(subnet.address, subnet)) return []
  return [{ path, problem: `${text} is not a machine's address in ${formatSubnet(subnet)}`, hint }]
}
