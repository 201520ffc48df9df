/** How virtual machines run on this host: by KVM, or in emulation (TCG). */

export type AccelerationKind = 'kvm' | 'tcg'

export interface Acceleration {
  readonly kind: AccelerationKind
  /** For tcg: why KVM is not used, one sentence for the user; for kvm: how it was shown to work. */
  readonly reason: string
  /** QEMU's version, for the multi-threaded TCG rule (see facts: 7.2 panics with it). */
  readonly qemuVersion: string
  /** Timeouts are multiplied by this: 1 with KVM. */
  readonly timeoutFactor: number
  /** In emulation: one thread and one virtual processor, slower and without the races between several. @default false */
  readonly oneThread?: boolean
}
