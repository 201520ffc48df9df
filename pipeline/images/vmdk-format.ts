/**
 * The parts of a VMDK file: header, markers, descriptor and sizes, both to write and to read.
 * Virtual Disk Format 5.0 (VMware technical note), https://github.com/libyal/libvmdk documents the same.
 */
import { derivedCid, derivedContentId } from './identity.js'
import { grainBytes } from './types.js'

export const sectorBytes = 512
export const grainSectors = grainBytes / sectorBytes
/** Entries of a grain table: one covers 32 MiB. */
export const entriesPerTable = 512
export const tableBytes = entriesPerTable * 4
export const tableSectors = tableBytes / sectorBytes
export const descriptorSectors = 20
/** gdOffset of a header whose real one is in the footer. */
export const directoryAtEnd = 0xffff_ffff_ffff_ffffn

export const markers = { endOfStream: 0, grainTable: 1, grainDirectory: 2, footer: 3 } as const

const magic = 0x564d444b
/** Bit 0: the newline test is valid; bit 1: there is a second directory; bit 16: grains are compressed; bit 17: markers. */
const flags = { sparse: 0x3, stream: 0x30001 } as const

export interface VmdkHeader {
  readonly version: number
  readonly flags: number
  readonly capacitySectors: number
  readonly descriptorSectors: number
  /** 0: none. */
  readonly redundantDirectorySector: number
  readonly directorySector: bigint
  readonly overheadSectors: number
  readonly grainSectors: number
  readonly entriesPerTable: number
  readonly unclean: boolean
  /** 1: deflate. */
  readonly compression: number
}

/** Version 3 is what ESXi wants of a stream; version 1 is all that a plain sparse file needs. */
export function streamHeader(capacitySectors: number, directorySector: bigint): Buffer {
  return formatHeader({
    version: 3, flags: flags.stream, capacitySectors, descriptorSectors, redundantDirectorySector: 0, directorySector,
    overheadSectors: grainSectors, grainSectors, entriesPerTable, unclean: false, compression: 1,
  })
}

export function sparseHeader(layout: SparseLayout): Buffer {
  return formatHeader({
    version: 1, flags: flags.sparse, capacitySectors: layout.capacitySectors, descriptorSectors,
    redundantDirectorySector: layout.redundantDirectorySector, directorySector: BigInt(layout.directorySector),
    overheadSectors: layout.overheadSectors, grainSectors, entriesPerTable, unclean: false, compression: 0,
  })
}

function formatHeader(header: VmdkHeader): Buffer {
  const bytes = Buffer.alloc(sectorBytes)
  bytes.writeUInt32LE(magic, 0)
  bytes.writeUInt32LE(header.version, 4)
  bytes.writeUInt32LE(header.flags, 8)
  bytes.writeBigUInt64LE(BigInt(header.capacitySectors), 12)
  bytes.writeBigUInt64LE(BigInt(header.grainSectors), 20)
  bytes.writeBigUInt64LE(1n, 28)
  bytes.writeBigUInt64LE(BigInt(header.descriptorSectors), 36)
  bytes.writeUInt32LE(header.entriesPerTable, 44)
  bytes.writeBigUInt64LE(BigInt(header.redundantDirectorySector), 48)
  bytes.writeBigUInt64LE(header.directorySector, 56)
  bytes.writeBigUInt64LE(BigInt(header.overheadSectors), 64)
  // A transfer in text mode would have changed these.
  bytes.write('\n \r\n', 73, 'latin1')
  bytes.writeUInt16LE(header.compression, 77)
  return bytes
}

/** Undefined when the bytes are no VMDK header. */
export function parseHeader(bytes: Buffer): VmdkHeader | undefined {
  if (bytes.length < sectorBytes || bytes.readUInt32LE(0) !== magic || bytes.toString('latin1', 73, 77) !== '\n \r\n') return undefined
  const number = (at: number) => Number(bytes.readBigUInt64LE(at))
  return {
    version: bytes.readUInt32LE(4),
    flags: bytes.readUInt32LE(8),
    capacitySectors: number(12),
    grainSectors: number(20),
    descriptorSectors: number(36),
    entriesPerTable: bytes.readUInt32LE(44),
    redundantDirectorySector: number(48),
    directorySector: bytes.readBigUInt64LE(56),
    overheadSectors: number(64),
    unclean: bytes.readUInt8(72) !== 0,
    compression: bytes.readUInt16LE(77),
  }
}

/** A marker that is no grain: a sector that says what follows, and how many sectors of it. */
export function markerSector(type: keyof typeof markers, sectors: number): Buffer {
  const bytes = Buffer.alloc(sectorBytes)
  bytes.writeBigUInt64LE(BigInt(sectors), 0)
  bytes.writeUInt32LE(markers[type], 12)
  return bytes
}

/** Where things lie in a monolithicSparse file, in sectors. */
export interface SparseLayout {
  readonly capacitySectors: number
  readonly tables: number
  readonly redundantDirectorySector: number
  readonly directorySector: number
  /** Of each copy's first table: the others follow. */
  readonly redundantTablesSector: number
  readonly tablesSector: number
  /** All before the first grain. */
  readonly overheadSectors: number
}

export function sparseLayout(virtualBytes: number): SparseLayout {
  const capacitySectors = Math.ceil(virtualBytes / sectorBytes)
  const tables = tablesOf(capacitySectors)
  const directorySectors = Math.ceil((tables * 4) / sectorBytes)
  const redundantDirectorySector = 1 + descriptorSectors
  const redundantTablesSector = redundantDirectorySector + directorySectors
  const directorySector = redundantTablesSector + tables * tableSectors
  const tablesSector = directorySector + directorySectors
  const end = tablesSector + tables * tableSectors
  const overheadSectors = Math.ceil(end / grainSectors) * grainSectors
  return { capacitySectors, tables, redundantDirectorySector, directorySector, redundantTablesSector, tablesSector, overheadSectors }
}

export function tablesOf(capacitySectors: number): number {
  return Math.ceil(capacitySectors / (grainSectors * entriesPerTable))
}

export interface DescriptorInput {
  readonly createType: 'streamOptimized' | 'monolithicSparse'
  /** The disk's own file name. */
  readonly fileName: string
  readonly capacitySectors: number
  readonly adapterType: 'lsilogic' | 'ide'
  readonly hardwareVersion: number
  /** What the ids are derived from: equal content, equal seed. */
  readonly seed: string
}

/** Each key once: a second ddb line of one name is refused by VirtualBox 5.2 and VMware Player. */
export function formatDescriptor(input: DescriptorInput): Buffer {
  const heads = input.adapterType === 'ide' ? 16 : 255
  const sectors = 63
  const most = input.adapterType === 'ide' ? 16383 : 65535
  const cylinders = Math.min(Math.ceil(input.capacitySectors / (heads * sectors)), most)
  const text = [
    '# Disk DescriptorFile',
    'version=1',
    'encoding="UTF-8"',
    `CID=${derivedCid(input.seed)}`,
    'parentCID=ffffffff',
    `createType="${input.createType}"`,
    '',
    '# Extent description',
    // There is no escape for a quote here, and no reader of a one-file disk looks at the name.
    `RW ${input.capacitySectors} SPARSE "${input.fileName.replace(/["\x00-\x1f]/g, '_')}"`,
    '',
    '# The Disk Data Base',
    '#DDB',
    '',
    `ddb.adapterType = "${input.adapterType}"`,
    `ddb.geometry.cylinders = "${cylinders}"`,
    `ddb.geometry.heads = "${heads}"`,
    `ddb.geometry.sectors = "${sectors}"`,
    `ddb.longContentID = "${derivedContentId(input.seed)}"`,
    // The highest value stands for tools that the guest manages itself (open-vm-tools).
    'ddb.toolsInstallType = "4"',
    'ddb.toolsVersion = "2147483647"',
    `ddb.virtualHWVersion = "${input.hardwareVersion}"`,
    '',
  ].join('\n')
  const bytes = Buffer.alloc(descriptorSectors * sectorBytes)
  bytes.write(text, 'utf8')
  return bytes
}

/** A grain table while it is filled: entries are sectors in the file, 0 for a hole. */
export interface GrainTable {
  readonly number: number
  readonly entries: Buffer
}

export function emptyTable(number: number): GrainTable {
  return { number, entries: Buffer.alloc(tableBytes) }
}
