/**
 * Looks through a VMDK by its format's rules, independent of what wrote it: for what qemu-img and libvmdk let pass and
 * VMware does not (end of stream, bytes behind it, two values of one key, sizes that disagree).
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { grainBytes } from './types.js'
import { directoryAtEnd, entriesPerTable, grainSectors, markers, parseHeader, sectorBytes, tableBytes, tablesOf } from './vmdk-format.js'
import type { VmdkHeader } from './vmdk-format.js'

/** A file, or part of one (a member of a tar). */
export interface VmdkPlace {
  readonly path: string
  /** @default 0 */
  readonly startBytes?: number
  /** @default up to the file's end */
  readonly bytes?: number
}

export interface VmdkReport {
  /** Each as the end of a sentence that begins with the file's name; empty: sound. */
  readonly problems: readonly string[]
  readonly capacityBytes: number
  readonly grains: number
  /** Keys and values of the descriptor, without quotes. */
  readonly descriptor: ReadonlyMap<string, string>
}

interface Image {
  readonly bytes: number
  readonly read: (at: number, length: number) => Promise<Buffer>
}

/** Reads tables and markers, not the grains. Errors: the file system's own. */
export async function lintVmdk(place: VmdkPlace): Promise<VmdkReport> {
  const file = await open(place.path, 'r')
  try {
    return await lintImage(await imageOf(file, place))
  } finally {
    await file.close()
  }
}

async function imageOf(file: FileHandle, { startBytes = 0, bytes }: VmdkPlace): Promise<Image> {
  const size = bytes ?? (await file.stat()).size - startBytes
  return {
    bytes: size,
    read: async (at, length) => {
      const buffer = Buffer.alloc(Math.max(0, Math.min(length, size - at)))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, startBytes + at)
      return buffer.subarray(0, bytesRead)
    },
  }
}

async function lintImage(image: Image): Promise<VmdkReport> {
  const header = parseHeader(await image.read(0, sectorBytes))
  const nothing = { capacityBytes: 0, grains: 0, descriptor: new Map<string, string>() }
  if (!header) return { ...nothing, problems: ['is no VMDK'] }
  const { map, problems: inText } = parseDescriptor((await image.read(sectorBytes, header.descriptorSectors * sectorBytes)).toString('utf8'))
  const kind = header.compression === 1 ? await lintStream(image, header) : await lintSparse(image, header)
  return {
    problems: [...headerProblems(header), ...inText, ...descriptorProblems(header, map), ...kind.problems],
    capacityBytes: header.capacitySectors * sectorBytes,
    grains: kind.grains,
    descriptor: map,
  }
}

function headerProblems(header: VmdkHeader): string[] {
  const wanted = header.compression === 1 ? 3 : 1
  return [
    ...(header.version === wanted ? [] : [`has a header of version ${header.version}, wanted ${wanted}`]),
    ...(header.unclean ? ['was not shut down cleanly'] : []),
    ...(header.grainSectors === grainSectors ? [] : [`has grains of ${header.grainSectors} sectors, wanted ${grainSectors}`]),
    ...(header.entriesPerTable === entriesPerTable ? [] : [`has ${header.entriesPerTable} entries in a table, wanted ${entriesPerTable}`]),
  ]
}

/** `key = value` lines; the extent line is kept under the key `extent`. */
function parseDescriptor(text: string): { map: ReadonlyMap<string, string>; problems: string[] } {
  const map = new Map<string, string>()
  const problems: string[] = []
  for (const line of text.replace(/\0.*$/s, '').split('\n').map(each => each.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const [, extentSectors] = /^RW (\d+) SPARSE "[^"]*"$/.exec(line) ?? []
    const [, key, value] = extentSectors === undefined ? (/^([^=\s]+)\s*=\s*"?([^"]*)"?$/.exec(line) ?? []) : [line, 'extent', extentSectors]
    if (key === undefined || value === undefined) problems.push(`has a line in its descriptor that says nothing: ${line}`)
    else if (map.has(key)) problems.push(`has ${key} twice in its descriptor`)
    else map.set(key, value)
  }
  return { map, problems }
}

function descriptorProblems(header: VmdkHeader, map: ReadonlyMap<string, string>): string[] {
  const wanted: Readonly<Record<string, string>> = {
    version: '1',
    encoding: 'UTF-8',
    parentCID: 'ffffffff',
    createType: header.compression === 1 ? 'streamOptimized' : 'monolithicSparse',
    extent: String(header.capacitySectors),
  }
  const wrong = Object.entries(wanted).filter(([key, value]) => map.get(key) !== value)
  const problems = wrong.map(([key, value]) => `says ${key}=${map.get(key) ?? 'nothing'} in its descriptor, wanted ${value}`)
  if (!/^(?!f{7}[ef]$)[0-9a-f]{8}$/.test(map.get('CID') ?? '')) problems.push(`has no usable content id in its descriptor`)
  return problems
}

interface Found {
  readonly problems: string[]
  readonly grains: number
}

/** Walks from marker to marker, holds tables and directory to what it met, and ends at the end-of-stream marker. */
async function lintStream(image: Image, header: VmdkHeader): Promise<Found> {
  if (header.directorySector !== directoryAtEnd) return { problems: ['has its directory in front, wanted at the end'], grains: 0 }
  const directory = Buffer.alloc(tablesOf(header.capacitySectors) * 4)
  let table = Buffer.alloc(tableBytes)
  let tableNumber: number | undefined
  let [grains, lastGrain] = [0, -1]
  const seen = { directorySector: 0, footer: false }
  const problems: string[] = []
  for (let at = header.overheadSectors * sectorBytes; ; ) {
    const marker = await image.read(at, 16)
    if (marker.length < 16) return { problems: [...problems, 'has no end-of-stream marker'], grains }
    const value = Number(marker.readBigUInt64LE(0))
    const size = marker.readUInt32LE(8)
    if (size > 0) {
      const grain = value / grainSectors
      const number = Math.floor(grain / entriesPerTable)
      if (!Number.isInteger(grain) || grain <= lastGrain || value >= header.capacitySectors) problems.push(`has a grain for sector ${value} out of order`)
      if (tableNumber !== undefined && tableNumber !== number) problems.push(`lacks the table of grains before sector ${value}`)
      tableNumber = number
      if (Number.isInteger(grain)) table.writeUInt32LE(at / sectorBytes, (grain % entriesPerTable) * 4)
      lastGrain = grain
      grains += 1
      at += Math.ceil((12 + size) / sectorBytes) * sectorBytes
      continue
    }
    const type = marker.readUInt32LE(12)
    const content = await image.read(at + sectorBytes, value * sectorBytes)
    if (type === markers.endOfStream) {
      if (value !== 0 || !(await image.read(at, sectorBytes)).every(byte => byte === 0)) problems.push('has an end-of-stream marker with content')
      if (at + sectorBytes !== image.bytes) problems.push(`has ${image.bytes - at - sectorBytes} bytes behind its end-of-stream marker`)
      if (!seen.footer) problems.push('has no footer')
      return { problems, grains }
    }
    if (type === markers.grainTable) {
      if (tableNumber === undefined || !content.equals(table)) problems.push(`has a table at sector ${at / sectorBytes + 1} that does not lead to its grains`)
      else directory.writeUInt32LE(at / sectorBytes + 1, tableNumber * 4)
      table = Buffer.alloc(tableBytes)
      tableNumber = undefined
    } else if (type === markers.grainDirectory) {
      if (!content.subarray(0, directory.length).equals(directory)) problems.push('has a directory that does not lead to its tables')
      seen.directorySector = at / sectorBytes + 1
    } else if (type === markers.footer) {
      const footer = parseHeader(content)
      const isRight = footer && sameButDirectory(footer, header) && Number(footer.directorySector) === seen.directorySector
      if (!isRight) problems.push('has a footer that does not fit its header')
      seen.footer = true
    } else return { problems: [...problems, `has an unknown marker ${type} at byte ${at}`], grains }
    at += (1 + value) * sectorBytes
  }
}

function sameButDirectory(a: VmdkHeader, b: VmdkHeader): boolean {
  return JSON.stringify({ ...a, directorySector: 0 }) === JSON.stringify({ ...b, directorySector: 0 })
}

/** Both directories must lead to equal tables, each entry to a grain of its own, and the file must end with the last. */
async function lintSparse(image: Image, header: VmdkHeader): Promise<Found> {
  const tables = tablesOf(header.capacitySectors)
  const [first, second] = await Promise.all(
    [header.redundantDirectorySector, Number(header.directorySector)].map(sector => image.read(sector * sectorBytes, tables * 4))
  )
  if (first?.length !== tables * 4 || second?.length !== tables * 4) return { problems: ['is cut off in its directories'], grains: 0 }
  const used = new Set<number>()
  const problems: string[] = []
  for (let table = 0; table < tables; table += 1) {
    const [one, two] = await Promise.all([first, second].map(each => image.read(each.readUInt32LE(table * 4) * sectorBytes, tableBytes)))
    if (one?.length !== tableBytes || !two || !one.equals(two)) {
      problems.push(`has two copies of table ${table} that differ`)
      continue
    }
    for (let entry = 0; entry < entriesPerTable; entry += 1) {
      const sector = one.readUInt32LE(entry * 4)
      if (sector === 0) continue
      if (sector < header.overheadSectors || sector % grainSectors !== 0 || used.has(sector)) problems.push(`has a grain at sector ${sector}, where none can be`)
      used.add(sector)
    }
  }
  const end = header.overheadSectors * sectorBytes + used.size * grainBytes
  if (image.bytes !== end) problems.push(`has ${image.bytes} bytes, wanted ${end}`)
  return { problems, grains: used.size }
}
