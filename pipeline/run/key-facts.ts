/** Packer's JSON as it counts for a stage's key: fixed paths, no acceleration, no time limits, for none changes what is on the disk. */
import type { Spec } from '../spec/types.js'
import type { ToolVersions } from '../tools/versions.js'

const noLimits: Spec['timeouts'] = { installSeconds: 0, provisionSeconds: 0, readySeconds: 0 }

export function keyFacts(spec: Spec, tools: Pick<ToolVersions, 'qemu'>) {
  return {
    spec: { ...spec, timeouts: noLimits },
    directory: '/stage',
    serialLog: '/log',
    qemuBinary: 'qemu',
    acceleration: { kind: 'kvm', reason: '', qemuVersion: tools.qemu, timeoutFactor: 1 },
  } as const
}
