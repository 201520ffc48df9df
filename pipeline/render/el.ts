/** Renders every role of an el appliance: templates over shared parts, each checked against the rules of its release. */
import { existsSync, readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { joinProblems } from '../errors/pipeline-error.js'
import { releaseUnknown } from '../errors/kickstart.js'
import { reviewKickstart } from '../kickstart/check.js'
import { includePath, parseKickstart } from '../kickstart/parse.js'
import { elReleases, releaseNamed } from '../kickstart/releases.js'
import type { MappedText } from '../kickstart/types.js'
import { keysOf, leastDiskGib, roleOf } from '../spec/el-rules.js'
import { isIso, mirrored } from '../spec/mirrored.js'
import type { LoadedAppliance, Spec } from '../spec/types.js'
import { renderMapped } from './engine.js'

export interface RenderedRole {
  /** The kickstart's name without its endings. */
  readonly name: string
  /** One file, its parts in place. */
  readonly kickstart: string
  /** `file:line: sentence` */
  readonly warnings: readonly string[]
}

const suffix = '.ks.hbs'
const bytesPerGib = 2 ** 30

/** What an installer on a medium does otherwise than a builder VM: it chooses a disk, and brings the payload along. */
export interface IsoInstall {
  /** `only`, `smallest`, or a name below /dev/disk/by-id. */
  readonly diskRule: string
  /** Time to switch the machine off before its disk is erased. */
  readonly countdownSeconds: number
  /** The shell script that obeys the rule. */
  readonly chooseDisk: string
  /** Whether all packages are on the medium: the installed system sees it below /mnt/evc-medium. */
  readonly bundle: boolean
}

export interface RoleUse {
  readonly iso?: IsoInstall
  /** An address as the machine that installs must ask for it. @default as it is */
  readonly seen?: (address: string) => string
}

/** All roles of the appliance's folder in name order. Errors: of templates and kickstarts, of all roles at once, with file and line (exit 2). */
export async function renderRoles(loaded: LoadedAppliance, use: RoleUse = {}): Promise<readonly RenderedRole[]> {
  const names = (await readdir(loaded.directory)).filter(name => name.endsWith(suffix)).sort()
  return names.map(name => renderRole(loaded, name, use))
}

/** One role by its template's file name. Errors: as renderRoles. */
export function renderRole({ spec, directory }: LoadedAppliance, name: string, { iso, seen }: RoleUse = {}): RenderedRole {
  const release = releaseNamed(spec.release)
  if (!release) throw releaseUnknown('release', spec.release, elReleases)
  const file = join(directory, name)
  const role = roleOf({ kickstart: name })
  // Only the appliance's own role has a first boot, which makes passwords.
  const asksPassword = iso !== undefined && role !== roleOf(spec)
  const medium = iso && { ...iso, leastBytes: leastDiskGib(role, spec) * bytesPerGib }
  const read = readerOf(directory, { ...elData(spec, seen), iso: medium ?? null, asksPassword })
  const kickstart = read(name)
  const nameInclude = (path: string) => (isInstallers(path) ? path : partOf(directory, path))
  const tree = parseKickstart(kickstart, { file, readInclude: read, keepInclude: isInstallers, nameInclude, release })
  const { problems, warnings } = reviewKickstart(tree, release)
  if (problems.length > 0) throw joinProblems(problems)
  return { name: role, kickstart: inPlace(kickstart.text, read), warnings }
}

/** What the templates of an el appliance may name. */
export function elData(spec: Spec, seen = (address: string): string => address): object {
  const { el } = spec
  const at = (address: string) => seen(mirrored(address, el.mirror))
  return {
    spec,
    source: { iso: isIso(el), tree: at(el.installerUrl) },
    // The image itself asks the repositories of the spec.
    rewritten: Object.values(el.repositories).some(({ url }) => at(url) !== url),
    keys: Object.entries(el.keys).map(([name, key]) => ({ name, url: at(key.url), fingerprint: key.fingerprint })),
    repositories: Object.entries(el.repositories).map(([id, repository]) => ({
      id, url: at(repository.url), upstream: repository.url, keys: keysOf(repository).map(name => `file:///etc/pki/rpm-gpg/evc-${name}`).join(' '),
    })),
    demoImage: at(el.demoImageUrl),
  }
}

/** A file that is there only when Anaconda runs. */
function isInstallers(path: string): boolean {
  return path.startsWith('/')
}

/** A part below the appliance's folder; `parts/x.ks` may be the template `parts/x.ks.hbs`. */
function partOf(directory: string, path: string): string {
  const file = resolve(directory, path)
  return !file.endsWith('.hbs') && existsSync(`${file}.hbs`) ? `${file}.hbs` : file
}

/** Fills a part in, and keeps for each line where it was written. */
function readerOf(directory: string, data: object): (path: string) => MappedText {
  return path => {
    const file = partOf(directory, path)
    const text = readFileSync(file, 'utf8')
    return file.endsWith('.hbs') ? renderMapped({ file, text, data }) : { text, numbers: [] }
  }
}

/** The text with every part in the place of its %include line, comments and all; parsing has shown that they are there. */
function inPlace(text: string, read: (path: string) => MappedText): string {
  return text
    .split('\n')
    .map(line => {
      const path = includePath(line)
      return path === undefined || isInstallers(path) ? line : inPlace(read(path).text.replace(/\n$/, ''), read)
    })
    .join('\n')
}
