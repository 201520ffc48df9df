/** What a stage is expected to take on a machine that never ran it: measured for ciab on 2 cores without KVM; with KVM guessed. */
import type { AccelerationKind } from '../tools/acceleration.js'
import type { StageName } from './plan.js'

interface StageEstimate {
  readonly seconds: Readonly<Record<AccelerationKind, number>>
  readonly mib: number
}

const estimates: Readonly<Record<StageName, StageEstimate>> = {
  render: { seconds: { kvm: 1, tcg: 1 }, mib: 1 },
  media: { seconds: { kvm: 70, tcg: 70 }, mib: 2300 },
  install: { seconds: { kvm: 25, tcg: 75 }, mib: 1300 },
  provision: { seconds: { kvm: 25, tcg: 80 }, mib: 1300 },
  audit: { seconds: { kvm: 8, tcg: 8 }, mib: 200 },
  export: { seconds: { kvm: 20, tcg: 20 }, mib: 900 },
  verify: { seconds: { kvm: 60, tcg: 360 }, mib: 1500 },
}

const bytesPerMib = 1024 * 1024

/** Expected seconds and peak disk bytes of one stage; `export` and `verify` count per target. */
export function estimate(
  stage: StageName,
  acceleration: AccelerationKind,
  targetCount: number
): { seconds: number; diskBytes: number } {
  const { seconds, mib } = estimates[stage]
  const times = stage === 'export' || stage === 'verify' ? targetCount : 1
  return { seconds: seconds[acceleration] * times, diskBytes: mib * bytesPerMib * times }
}
