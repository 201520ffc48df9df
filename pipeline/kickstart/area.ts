/** What compiling one area of a kickstart (accounts, network, ...) gives: steps, files, needs, problems. */
import type { PipelineError } from '../errors/pipeline-error.js'
import { quoteWord } from './words.js'

/** A piece of the install script, named on the console while it runs and when it fails. */
export interface Step {
  /** `file:line` of the kickstart, relative to its folder. */
  readonly place: string
  /** What happens, as in "Could not ...": `make user evc`. */
  readonly what: string
  /** Bash, run with errexit. */
  readonly lines: readonly string[]
}

/** A package that a command needs although %packages does not name it. */
export interface ImpliedPackage {
  readonly name: string
  readonly reason: string
}

export interface Area {
  readonly steps?: readonly Step[]
  /** Texts for the kickstart disk, by path. */
  readonly files?: Readonly<Record<string, string>>
  readonly needs?: readonly ImpliedPackage[]
  readonly problems?: readonly PipelineError[]
}

/** What every area gets besides its commands. */
export interface AreaContext {
  /** Identifiers are derived from it. */
  readonly seed: string
  /** Packages that %packages names. */
  readonly packages: ReadonlySet<string>
  /** `file:line` without the build host's folders: it goes into the install script, which is part of the stage's key. */
  readonly shownPlace: (place: { readonly file: string; readonly line: number }) => string
}

/** One area out of several: everything in the given order. */
export function joinAreas(areas: readonly Area[]): Required<Area> {
  return {
    steps: areas.flatMap(area => area.steps ?? []),
    files: Object.assign({}, ...areas.map(area => area.files ?? {})) as Record<string, string>,
    needs: areas.flatMap(area => area.needs ?? []),
    problems: areas.flatMap(area => area.problems ?? []),
  }
}

/** A command line of bash in which every word reaches the program as it is. */
export function shellLine(...words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

/**
 * A file of the image: its text for the kickstart disk, and the line that puts it in place.
 * @param path inside the image, without a leading slash
 * @param mode as chmod takes it
 */
export function systemFile(
  path: string,
  text: string,
  mode = '0644'
): { files: Record<string, string>; line: string } {
  return { files: { [`system/${path}`]: text }, line: shellLine('put_file', mode, path) }
}
