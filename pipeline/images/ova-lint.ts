/** Looks through an OVA for what its readers trip over: order and form of the tar, manifest, sizes, ids, order of elements. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { PipelineError } from '../errors/pipeline-error.js'
import { listTar } from '../tools/tar-members.js'
import type { FoundMember } from '../tools/tar-members.js'
import { findAll, parseXml } from '../tools/xml.js'
import type { XmlElement } from '../tools/xml.js'
import { lintVmdk } from './vmdk-lint.js'

export interface OvaReport {
  /** Each as the end of a sentence that begins with the file's name; empty: sound. */
  readonly problems: readonly string[]
  /** In their order. */
  readonly members: readonly FoundMember[]
  /** Algorithm of the manifest; undefined: there is none. */
  readonly manifest: string | undefined
  readonly grains: number
}

/** Reads the whole file once, for the digests. Errors: the file system's own. */
export async function lintOva(path: string): Promise<OvaReport> {
  const { members, problems: inTar } = await listTar(path)
  const [first] = members
  const nothing = { members, manifest: undefined, grains: 0 }
  if (inTar.length > 0) return { ...nothing, problems: inTar }
  if (!first?.name.endsWith('.ovf')) return { ...nothing, problems: [`does not begin with an .ovf, but with ${first?.name ?? 'nothing'}`] }
  const text = (await readMember(path, first)).toString('utf8')
  try {
    const ovf = parseXml(text, first.name)
    const disk = await diskProblems(path, ovf, members)
    const manifest = await manifestProblems(path, first.name.replace(/ovf$/, 'mf'), members)
    const problems = [...members.flatMap(memberProblems), ...orderProblems(ovf, members), ...ovfProblems(ovf), ...disk.problems, ...manifest.problems]
    return { members, problems, manifest: manifest.algorithm, grains: disk.grains }
  } catch (error) {
    if (error instanceof PipelineError) return { ...nothing, problems: [`holds a descriptor that cannot be read: ${error.message.replace(/\.$/, '')}`] }
    throw error
  }
}

async function readMember(path: string, { startBytes, bytes }: FoundMember): Promise<Buffer> {
  const file = await open(path, 'r')
  try {
    return (await file.read(Buffer.alloc(bytes), 0, bytes, startBytes)).buffer
  } finally {
    await file.close()
  }
}

function memberProblems({ name, isUstar, type }: FoundMember): string[] {
  return [
    ...(isUstar ? [] : [`holds ${name} in another form than ustar`]),
    ...(type === '0' ? [] : [`holds ${name}, which is no plain file`]),
    ...(/^[^/]+$/.test(name) && !name.startsWith('.') ? [] : [`holds ${name}, which is in a folder`]),
  ]
}

/** The descriptor, its files in the order of References, the manifest: nothing else, and each once. */
function orderProblems(ovf: XmlElement, members: readonly FoundMember[]): string[] {
  const [descriptor = '', ...rest] = members.map(member => member.name)
  const wanted = findAll(ovf, 'File').map(file => file.attributes['ovf:href'] ?? '')
  const manifest = descriptor.replace(/ovf$/, 'mf')
  const found = rest.at(-1) === manifest ? rest.slice(0, -1) : rest
  return found.join('\n') === wanted.join('\n') ? [] : [`holds ${found.join(', ') || 'no file'} where its descriptor names ${wanted.join(', ') || 'none'}`]
}

/** What the schema does not say: ids, references, and which parts a reader may skip. */
export function ovfProblems(ovf: XmlElement): string[] {
  const items = findAll(ovf, 'Item')
  const ids = [...findAll(ovf, 'System'), ...items].map(item => valueOf(item, 'InstanceID'))
  const twice = ids.filter((id, at) => ids.indexOf(id) !== at)
  const files = new Set(findAll(ovf, 'File').map(file => file.attributes['ovf:id']))
  const disks = new Set(findAll(ovf, 'Disk').map(disk => disk.attributes['ovf:diskId']))
  const networks = new Set(findAll(ovf, 'Network').map(network => network.attributes['ovf:name']))
  return [
    ...twice.map(id => `gives the InstanceID ${id} twice`),
    ...findAll(ovf, 'Disk').filter(disk => !files.has(disk.attributes['ovf:fileRef'])).map(disk => `has a Disk ${disk.attributes['ovf:diskId']} without a File`),
    ...items.flatMap(item => itemProblems(item, { ids, disks, networks })),
  ]
}

interface Known {
  readonly ids: readonly (string | undefined)[]
  readonly disks: ReadonlySet<string | undefined>
  readonly networks: ReadonlySet<string | undefined>
}

/** Other device, CD, DVD, USB, graphics: an importer that lacks one must not refuse the whole. */
const optionalTypes = new Set(['1', '14', '15', '16', '23', '24'])

function itemProblems(item: XmlElement, { ids, disks, networks }: Known): string[] {
  const id = valueOf(item, 'InstanceID')
  const own = item.children.filter(child => child.uri.endsWith('CIM_ResourceAllocationSettingData')).map(child => child.name)
  const parent = valueOf(item, 'Parent')
  const disk = /\/disk\/(.*)$/.exec(valueOf(item, 'HostResource') ?? '')?.[1]
  const connection = valueOf(item, 'Connection')
  const type = valueOf(item, 'ResourceType') ?? ''
  const isOptional = item.attributes['ovf:required'] === 'false'
  return [
    ...(own.join() === [...own].sort().join() ? [] : [`has the elements of item ${id} out of alphabetical order`]),
    ...(parent === undefined || ids.includes(parent) ? [] : [`has item ${id} on ${parent}, which does not exist`]),
    ...(disk === undefined || disks.has(disk) ? [] : [`has item ${id} for disk ${disk}, which does not exist`]),
    ...(connection === undefined || networks.has(connection) ? [] : [`has item ${id} on network ${connection}, which does not exist`]),
    ...(optionalTypes.has(type) && !isOptional ? [`requires item ${id} of type ${type}, which not every reader has`] : []),
  ]
}

function valueOf(item: XmlElement, name: string): string | undefined {
  return item.children.find(child => child.name === name)?.text
}

const streamFormat = 'http://www.vmware.com/interfaces/specifications/vmdk.html#streamOptimized'

/** The numbers of the descriptor against the disk itself. */
async function diskProblems(path: string, ovf: XmlElement, members: readonly FoundMember[]): Promise<{ problems: string[]; grains: number }> {
  const problems: string[] = []
  let grains = 0
  for (const file of findAll(ovf, 'File')) {
    const { 'ovf:id': id, 'ovf:href': href = '', 'ovf:size': size } = file.attributes
    const member = members.find(each => each.name === href)
    const disk = findAll(ovf, 'Disk').find(each => each.attributes['ovf:fileRef'] === id)
    if (!member || !disk) continue
    const report = await lintVmdk({ path, startBytes: member.startBytes, bytes: member.bytes })
    const { 'ovf:capacity': capacity, 'ovf:capacityAllocationUnits': units, 'ovf:format': format } = disk.attributes
    problems.push(...report.problems.map(problem => `holds ${href}, which ${problem}`))
    if (Number(size) !== member.bytes) problems.push(`gives ${href} a size of ${size} bytes, and it has ${member.bytes}`)
    if (units !== undefined || Number(capacity) !== report.capacityBytes) problems.push(`gives ${href} a capacity of ${capacity}${units ? ` ${units}` : ''}, and it has ${report.capacityBytes} bytes`)
    if (format !== streamFormat) problems.push(`gives ${href} the format ${format}`)
    if (report.descriptor.get('createType') !== 'streamOptimized') problems.push(`holds ${href}, which is not streamOptimized`)
    grains += report.grains
  }
  return { problems, grains }
}

async function manifestProblems(path: string, name: string, members: readonly FoundMember[]): Promise<{ problems: string[]; algorithm: string | undefined }> {
  const manifest = members.find(member => member.name === name)
  if (!manifest) return { problems: [], algorithm: undefined }
  const lines = (await readMember(path, manifest)).toString('utf8').split('\n')
  const problems = lines.pop() === '' ? [] : [`has a manifest whose last line does not end`]
  const named = new Map<string, string>()
  let algorithm: string | undefined
  for (const line of lines) {
    const [, kind, file, hex] = /^(SHA1|SHA256)\((.+)\)= ([0-9a-f]+)$/.exec(line) ?? []
    if (kind === undefined || file === undefined || hex === undefined || (algorithm ?? kind) !== kind) {
      problems.push(`has a manifest line that readers refuse: ${line}`)
      continue
    }
    algorithm = kind
    named.set(file, hex)
  }
  for (const member of members.filter(each => each !== manifest)) {
    const digest = await digestOf(path, member, algorithm ?? 'SHA256')
    if (named.get(member.name) !== digest) problems.push(`has a manifest that does not fit ${member.name}`)
  }
  const known = new Set(members.map(member => member.name))
  problems.push(...[...named.keys()].filter(file => !known.has(file)).map(file => `has a manifest that names ${file}, which is not there`))
  return { problems, algorithm }
}

async function digestOf(path: string, { startBytes, bytes }: FoundMember, algorithm: string): Promise<string> {
  const hash = createHash(algorithm.toLowerCase())
  // `end` counts the last byte in; of nothing there is nothing to read.
  if (bytes > 0) await pipeline(createReadStream(path, { start: startBytes, end: startBytes + bytes - 1, highWaterMark: 1024 * 1024 }), hash)
  return hash.digest('hex')
}
