/** qemu-img: its commands as values, and its JSON answers as data. */
import { toolAnswerUnknown } from '../errors/targets.js'
import type { Command } from './command.js'

/** A disk image on this host, as it is named on qemu-img's command line. */
export interface ImageFile {
  /** Absolute: a relative name with a colon would be read as a protocol. */
  readonly path: string
  /** Always told, never probed: a raw disk's first bytes are the guest's to choose. */
  readonly format: string
}

export interface Convert {
  readonly from: ImageFile
  readonly to: ImageFile
  /** Compress (qcow2). */
  readonly compress?: boolean
  /** Options of the new format, in this order. */
  readonly options?: Readonly<Record<string, string | number>>
}

/**
 * Copies an image into another format; holes are not read. Written in order (no -W): then equal contents give
 * equal bytes. `-t writeback` makes qemu-img sync the file at its end, which its default `unsafe` does not.
 */
export function convertCommand({ from, to, compress = false, options = {} }: Convert): Command {
  const pairs = Object.entries(options).map(([key, value]) => `${key}=${value}`)
  return [
    'qemu-img',
    'convert',
    '-f',
    from.format,
    '-O',
    to.format,
    '-t',
    'writeback',
    ...(compress ? ['-c'] : []),
    ...(pairs.length > 0 ? ['-o', pairs.join(',')] : []),
    '--',
    from.path,
    to.path,
  ]
}

/** Ends with 0 sound, 2 corrupt, 3 leaked clusters; read the answer with parseCheck. */
export function checkCommand({ path, format }: ImageFile): Command {
  return ['qemu-img', 'check', '--output=json', '-f', format, '--', path]
}

/** Ends with 0 when the guest sees the same bytes in both, 1 when not. */
export function compareCommand(a: ImageFile, b: ImageFile): Command {
  return ['qemu-img', 'compare', '-f', a.format, '-F', b.format, '--', a.path, b.path]
}

export function infoCommand({ path, format }: ImageFile): Command {
  return ['qemu-img', 'info', '--output=json', '-f', format, '--', path]
}

/** A copy-on-write overlay: what a guest writes goes to it, `base` stays as it is. */
export function overlayCommand({ base, path }: { base: ImageFile; path: string }): Command {
  return ['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base.path, '-F', base.format, '--', path]
}

export interface ImageInfo {
  readonly format: string
  readonly virtualBytes: number
  /** Bytes that the file occupies on this host's disk. */
  readonly allocatedBytes: number
  readonly backingFile: string | undefined
}

/** Reads `qemu-img info --output=json`. Errors: `tool-answer-unknown` (exit 4). */
export function parseInfo(stdout: string): ImageInfo {
  const answer = parseObject(stdout)
  const {
    format,
    'virtual-size': virtualBytes,
    'actual-size': allocatedBytes,
    'backing-filename': backingFile,
  } = answer
  if (typeof format !== 'string' || typeof virtualBytes !== 'number' || typeof allocatedBytes !== 'number') {
    throw toolAnswerUnknown('qemu-img info', 'format, virtual-size or actual-size is missing')
  }
  return {
    format,
    virtualBytes,
    allocatedBytes,
    backingFile: typeof backingFile === 'string' ? backingFile : undefined,
  }
}

export interface ImageCheck {
  readonly corruptions: number
  readonly leaks: number
  /** Errors of the check itself, such as unreadable parts. */
  readonly checkErrors: number
  /** Clusters that hold data, and those of them that are compressed. */
  readonly allocatedClusters: number
  readonly compressedClusters: number
}

/** Reads `qemu-img check --output=json`. Errors: `tool-answer-unknown` (exit 4). */
export function parseCheck(stdout: string): ImageCheck {
  const answer = parseObject(stdout)
  const count = (key: string): number => (typeof answer[key] === 'number' ? answer[key] : 0)
  if (typeof answer['check-errors'] !== 'number')
    throw toolAnswerUnknown('qemu-img check', 'check-errors is missing')
  return {
    corruptions: count('corruptions'),
    leaks: count('leaks'),
    checkErrors: count('check-errors'),
    allocatedClusters: count('allocated-clusters'),
    compressedClusters: count('compressed-clusters'),
  }
}

function parseObject(stdout: string): Readonly<Record<string, unknown>> {
  try {
    const answer: unknown = JSON.parse(stdout)
    if (typeof answer === 'object' && answer !== null) return answer as Readonly<Record<string, unknown>>
  } catch {
    // Told below like any other answer that is no object.
  }
  throw toolAnswerUnknown('qemu-img', 'it is no JSON object')
}
