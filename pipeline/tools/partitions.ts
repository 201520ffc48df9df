/** Reads the GUID partition table and the boot code of a raw disk image. */
// https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html
import { open } from 'node:fs/promises'
import { diskUnreadable } from '../errors/audit.js'

const sectorBytes = 512

export interface Partition {
  /** From 1. */
  readonly number: number
  readonly kind: 'bios-boot' | 'esp' | 'other'
  readonly startBytes: number
  readonly sizeBytes: number
}

export interface DiskLayout {
  readonly partitions: readonly Partition[]
  /** The first sector's code part, 440 bytes: what a BIOS runs. */
  readonly bootCode: Buffer
}

const kinds: Readonly<Record<string, Partition['kind']>> = {
  '21686148-6449-6e6f-744e-656564454649': 'bios-boot',
  'c12a7328-f81f-11d2-ba4b-00a0c93ec93b': 'esp',
}

/** Errors: `disk-unreadable` (exit 4), the file system's own. */
export async function readLayout(disk: string): Promise<DiskLayout> {
  const file = await open(disk, 'r')
  try {
    const head = Buffer.alloc(2 * sectorBytes)
    await file.read(head, 0, head.length, 0)
    if (head.toString('latin1', sectorBytes, sectorBytes + 8) !== 'EFI PART') {
      throw diskUnreadable(disk, 'it has no GUID partition table')
    }
    const header = head.subarray(sectorBytes)
    const entryBytes = header.readUInt32LE(84)
    const count = header.readUInt32LE(80)
    if (entryBytes < 128 || entryBytes > 4096 || count > 1024) throw diskUnreadable(disk, 'its partition table is damaged')
    const table = Buffer.alloc(count * entryBytes)
    await file.read(table, 0, table.length, Number(header.readBigUInt64LE(72)) * sectorBytes)
    const entries = Array.from({ length: count }, (_, index) => table.subarray(index * entryBytes, (index + 1) * entryBytes))
    const partitions = entries.flatMap((entry, index) => readEntry(entry, index + 1))
    return { partitions, bootCode: head.subarray(0, 440) }
  } finally {
    await file.close()
  }
}

/** The last one of no special kind, which grows at first boot. Errors: `disk-unreadable` (exit 4). */
export function rootPartition(disk: string, { partitions }: DiskLayout): Partition {
  const found = partitions.filter(({ kind }) => kind === 'other').sort((a, b) => b.startBytes - a.startBytes)[0]
  if (!found) throw diskUnreadable(disk, 'it has no partition for the root file system')
  return found
}

function readEntry(entry: Buffer, number: number): Partition[] {
  const type = readGuid(entry)
  if (/^[0-]+$/.test(type)) return []
  const first = Number(entry.readBigUInt64LE(32))
  const last = Number(entry.readBigUInt64LE(40))
  return [{
    number,
    kind: kinds[type] ?? 'other',
    startBytes: first * sectorBytes,
    sizeBytes: (last - first + 1) * sectorBytes,
  }]
}

/** The first three groups are stored with their lowest byte first. */
function readGuid(bytes: Buffer): string {
  const hex = (start: number, end: number, reverse = false) => {
    const part = Buffer.from(bytes.subarray(start, end))
    return (reverse ? part.reverse() : part).toString('hex')
  }
  return [hex(0, 4, true), hex(4, 6, true), hex(6, 8, true), hex(8, 10), hex(10, 16)].join('-')
}
