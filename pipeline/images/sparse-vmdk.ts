/** Writes a monolithicSparse VMDK: both directories and their tables in front, then the grains that hold data. */
import { imageTooLarge } from '../errors/images.js'
import { fileSink } from './byte-sink.js'
import { grainBytes } from './types.js'
import type { ImageWriter } from './types.js'
import { emptyTable, entriesPerTable, formatDescriptor, grainSectors, sectorBytes, sparseHeader, sparseLayout, tableBytes } from './vmdk-format.js'
import type { DescriptorInput, GrainTable, SparseLayout } from './vmdk-format.js'

export type SparseNames = Pick<DescriptorInput, 'fileName' | 'adapterType' | 'hardwareVersion' | 'seed'>

/** What lies before the tables, with the place of each part; the same wherever the grains lie. */
export function sparseFront(layout: SparseLayout, names: SparseNames): readonly { readonly bytes: Buffer; readonly at: number }[] {
  const { capacitySectors } = layout
  const descriptor = formatDescriptor({ createType: 'monolithicSparse', capacitySectors, ...names })
  return [
    { bytes: Buffer.concat([sparseHeader(layout), descriptor]), at: 0 },
    { bytes: directory(layout.tables, layout.redundantTablesSector), at: layout.redundantDirectorySector * sectorBytes },
    { bytes: directory(layout.tables, layout.tablesSector), at: layout.directorySector * sectorBytes },
  ]
}

function directory(tables: number, firstSector: number): Buffer {
  const bytes = Buffer.alloc(tables * 4)
  for (let table = 0; table < tables; table += 1) bytes.writeUInt32LE(firstSector + (table * tableBytes) / sectorBytes, table * 4)
  return bytes
}

/** Where both copies of a table lie, in bytes. */
export function tablePlaces(layout: SparseLayout, table: number): readonly number[] {
  return [layout.redundantTablesSector, layout.tablesSector].map(sector => sector * sectorBytes + table * tableBytes)
}

/** Gives the grains of a sparse file their places, in ascending order, and tells each table when it is full. */
export function createPlacer(layout: SparseLayout, fileName: string) {
  let table: GrainTable | undefined
  let next = layout.overheadSectors
  return {
    /** The table that is complete now, if the grain begins another one. */
    place(grain: number): GrainTable | undefined {
      const number = Math.floor(grain / entriesPerTable)
      const full = table && table.number !== number ? table : undefined
      if (!table || full) table = emptyTable(number)
      if (next + grainSectors > 2 ** 32) throw imageTooLarge(fileName, 'a VMDK', '2 TiB of data')
      table.entries.writeUInt32LE(next, (grain % entriesPerTable) * 4)
      next += grainSectors
      return full
    },
    /** The last one. */
    rest: (): GrainTable | undefined => table,
  }
}

export function sparseVmdk({ path, ...names }: SparseNames & { readonly path: string }): ImageWriter {
  const file = fileSink(path)
  let layout = sparseLayout(0)
  let placer = createPlacer(layout, names.fileName)
  const writeTable = async (table: GrainTable | undefined) => {
    if (table) for (const at of tablePlaces(layout, table.number)) await file.patch(table.entries, at)
  }
  return {
    deflates: [],
    begin: async ({ virtualBytes }) => {
      layout = sparseLayout(virtualBytes)
      placer = createPlacer(layout, names.fileName)
      await file.open()
      for (const { bytes, at } of sparseFront(layout, names)) await file.patch(bytes, at)
      file.skip(layout.overheadSectors * sectorBytes)
    },
    take: async block => {
      const first = block.startBytes / grainBytes
      for (const index of block.grains) await writeTable(placer.place(first + index))
      await file.write(block.grains.map(index => block.bytes.subarray(index * grainBytes, (index + 1) * grainBytes)))
    },
    finish: async () => {
      await writeTable(placer.rest())
      await file.close()
    },
    abort: () => file.abort(),
  }
}
