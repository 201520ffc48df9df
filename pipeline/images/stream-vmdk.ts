/**
 * Writes a streamOptimized VMDK: compressed grains, tables behind their grains, directory and footer at the end, and
 * exactly one end-of-stream marker, which qemu-img leaves out and ESXi insists on.
 */
import { imageTooLarge } from '../errors/images.js'
import type { ByteSink } from './byte-sink.js'
import { grainBytes } from './types.js'
import type { DeflatedGrain, ImageWriter } from './types.js'
import {
  directoryAtEnd, emptyTable, entriesPerTable, formatDescriptor, grainSectors, markerSector, sectorBytes, streamHeader,
  tableSectors, tablesOf,
} from './vmdk-format.js'
import type { DescriptorInput, GrainTable } from './vmdk-format.js'

export interface StreamVmdkOptions extends Pick<DescriptorInput, 'fileName' | 'adapterType' | 'hardwareVersion' | 'seed'> {
  readonly sink: ByteSink
}

export interface StreamVmdkFacts {
  readonly capacityBytes: number
  /** Bytes of the grains that hold data, before compression: OVF's populatedSize. */
  readonly populatedBytes: number
  readonly fileBytes: number
}

export interface StreamVmdk extends ImageWriter {
  /** Known from `begin` on; complete after `finish`. */
  facts(): StreamVmdkFacts
}

/** Sector numbers in tables have 32 bits. */
const mostSectors = 2 ** 32

export function streamVmdk({ sink, ...names }: StreamVmdkOptions): StreamVmdk {
  let capacitySectors = 0
  let grains = 0
  let directory = Buffer.alloc(0)
  let table: GrainTable | undefined

  const sector = () => {
    const here = sink.length / sectorBytes
    if (here >= mostSectors) throw imageTooLarge(names.fileName, 'a VMDK', '2 TiB of compressed data')
    return here
  }
  const endTable = async () => {
    if (!table) return
    const marker = markerSector('grainTable', tableSectors)
    directory.writeUInt32LE(sector() + 1, table.number * 4)
    await sink.write([marker, table.entries])
    table = undefined
  }
  const facts = () => ({
    capacityBytes: capacitySectors * sectorBytes,
    populatedBytes: grains * grainBytes,
    fileBytes: sink.length,
  })
  return {
    deflates: ['stream'],
    facts,
    begin: async ({ virtualBytes }) => {
      capacitySectors = Math.ceil(virtualBytes / sectorBytes)
      directory = Buffer.alloc(wholeSectors(tablesOf(capacitySectors) * 4))
      const descriptor = formatDescriptor({ createType: 'streamOptimized', capacitySectors, ...names })
      const header = streamHeader(capacitySectors, directoryAtEnd)
      await sink.open()
      await sink.write([header, descriptor, Buffer.alloc(grainBytes - sectorBytes - descriptor.length)])
    },
    take: async block => {
      const first = block.startBytes / grainBytes
      const tableNumber = Math.floor(first / entriesPerTable)
      // A block never reaches into a second table: 512 grains are 32 blocks.
      if (table?.number !== tableNumber) await endTable()
      table ??= emptyTable(tableNumber)
      const parts: Uint8Array[] = []
      let at = sector()
      for (const grain of await block.deflated('stream')) {
        const number = first + grain.index
        const packed = packGrain(number, grain)
        table.entries.writeUInt32LE(at, (number % entriesPerTable) * 4)
        parts.push(...packed.parts)
        at += packed.sectors
        grains += 1
      }
      await sink.write(parts)
    },
    finish: async () => {
      await endTable()
      const directorySector = sector() + 1
      const footer = streamHeader(capacitySectors, BigInt(directorySector))
      const tail = [markerSector('grainDirectory', directory.length / sectorBytes), directory, markerSector('footer', 1), footer]
      await sink.write([...tail, markerSector('endOfStream', 0)])
      await sink.close()
    },
    abort: () => sink.abort(),
  }
}

/** zlib's header for deflate with a 32 KiB window, level 6. */
const zlibHeader = [0x78, 0x9c] as const
/** An empty final block: the body ended with a sync flush, so the stream can end here. */
const finalBlock = [0x03, 0x00] as const
const markerBytes = 12

/** Sector of the grain on the disk, length of the zlib stream, the stream, zeros up to a whole sector. */
function packGrain(number: number, { body, adler32 }: DeflatedGrain): { parts: Uint8Array[]; sectors: number } {
  const zlibBytes = zlibHeader.length + body.length + finalBlock.length + 4
  const head = Buffer.alloc(markerBytes + zlibHeader.length)
  head.writeBigUInt64LE(BigInt(number * grainSectors), 0)
  head.writeUInt32LE(zlibBytes, 8)
  head.set(zlibHeader, markerBytes)
  const whole = wholeSectors(markerBytes + zlibBytes)
  const tail = Buffer.alloc(whole - head.length - body.length)
  tail.set(finalBlock, 0)
  tail.writeUInt32BE(adler32, finalBlock.length)
  return { parts: [head, body, tail], sectors: whole / sectorBytes }
}

function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}
