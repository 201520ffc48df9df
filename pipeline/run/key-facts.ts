/** Packer's JSON as it counts for a stage's key: fixed paths, and no acceleration, for neither changes what is on the disk. */
import type { Spec } from '../spec/types.js'
import type { ToolVersions } from '../tools/versions.js'

export function keyFacts(spec: Spec, tools: Pick<ToolVersions, 'qemu'>) {
  return {
    spec,
    directory: '/stage',
    serialLog: '/log',
    qemuBinary: 'qemu',
    acceleration: { kind: 'kvm', reason: '', qemuVersion: tools.qemu, timeoutFactor: 1 },
  } as const
}
