/** What Hyper-V asks of every machine, whoever makes it: import.ps1 or Vagrant. */
import type { Spec } from '../spec/types.js'

/** MiB of memory, rounded up: Hyper-V takes multiples of 2. */
export function hypervMemoryMib({ hardware }: Pick<Spec, 'hardware'>): number {
  return Math.ceil(hardware.memoryMib / 2) * 2
}
