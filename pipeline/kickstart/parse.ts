/** Reads a kickstart into a tree, included files and all; every problem found is reported at once. */
import { dirname, join } from 'node:path'
import {
  appendWithoutPath,
  commandUnknown,
  endWithoutSection,
  includeCycle,
  includeUnreadable,
  includeWithoutPath,
  sectionUnclosed,
  sectionUnknown,
  wordsWrong,
} from '../errors/kickstart.js'
import { joinProblems, PipelineError } from '../errors/pipeline-error.js'
import { knownCommands, knownSections } from './releases.js'
import type { ElRelease } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart, KickstartCommand, KickstartNode, KickstartSection, MappedText, Place, SectionLine } from './types.js'
import { splitWords } from './words.js'

export interface ParseOptions {
  /** The kickstart's path, for messages; %include paths are relative to its folder. */
  readonly file: string
  /** Gives an included file's text by the path as written in %include; throws when there is none, or a user's error. */
  readonly readInclude: (path: string) => string | MappedText
  /**
   * Whether an included file that is not here is left to the installer: the line stays in the tree, as a command
   * `%include`. With it, lines %ksappend stay, too. @default never, a missing file is a problem
   */
  readonly keepInclude?: (path: string) => boolean
  /** The file that is read for a path as written in %include. @default that path */
  readonly nameInclude?: (path: string) => string
  /** The release that will read it. @default the newest */
  readonly release?: ElRelease
}

export interface ReadKickstart {
  /** What could be read; lines with a problem are not in it. */
  readonly tree: Kickstart
  readonly problems: readonly PipelineError[]
}

interface Parsing extends ParseOptions {
  readonly nodes: KickstartNode[]
  readonly problems: PipelineError[]
}

/** One file while it is read. */
interface Source {
  /** This file last, the kickstart itself first. */
  readonly chain: readonly string[]
  readonly lines: readonly string[]
  /** Of each line, where it was written. */
  readonly numbers: readonly number[]
  next: number
}

/**
 * Errors (exit 2), each with file:line: unclosed section, %end without section, unknown command or section,
 * an open quote, an included file that is missing or includes itself; several come as `several-problems`.
 */
export function parseKickstart(text: string | MappedText, options: ParseOptions): Kickstart {
  const { tree, problems } = readKickstart(text, options)
  if (problems.length > 0) throw joinProblems(problems)
  return tree
}

/** As parseKickstart, for those who go on to check what could be read. */
export function readKickstart(text: string | MappedText, options: ParseOptions): ReadKickstart {
  const parsing: Parsing = { ...options, nodes: [], problems: [] }
  readCommands(parsing, sourceOf([options.file], text))
  return { tree: { file: options.file, nodes: parsing.nodes }, problems: parsing.problems }
}

/** The path of an %include line as it is written; undefined for any other line. */
export function includePath(line: string): string | undefined {
  const split = splitWords(line)
  return 'words' in split && split.words[0] === '%include' ? split.words[1] : undefined
}

function sourceOf(chain: readonly string[], read: string | MappedText): Source {
  const { text, numbers } = typeof read === 'string' ? { text: read, numbers: [] } : read
  return { chain, lines: splitLines(text), numbers, next: 0 }
}

function splitLines(text: string): string[] {
  const lines = text.split(/\r?\n/)
  if (lines.at(-1) === '') lines.pop()
  return lines
}

function takeLine(source: Source): SectionLine | undefined {
  const text = source.lines[source.next]
  if (text === undefined) return undefined
  const line = source.numbers[source.next++] ?? source.next
  return { text, place: { file: source.chain.at(-1) ?? '', line } }
}

function readCommands(parsing: Parsing, source: Source): void {
  for (let line = takeLine(source); line; line = takeLine(source)) {
    const { text, place } = line
    const split = splitWords(text)
    if ('problem' in split) {
      parsing.problems.push(wordsWrong(formatPlace(place), split.problem))
      continue
    }
    const [name, ...words] = split.words
    if (name === undefined) continue
    if (name === '%include')
      include(parsing, {
        source,
        place,
        path: words[0],
        take: inner => readCommands(parsing, inner),
        keep: () => parsing.nodes.push({ kind: 'command', name, words, place }),
      })
    else if (name === '%ksappend' && parsing.keepInclude) append(parsing, { kind: 'command', name, words, place })
    else if (name === '%end') parsing.problems.push(endWithoutSection(formatPlace(place)))
    else if (name.startsWith('%'))
      readSection(parsing, source, { kind: 'section', name, words, lines: [], place })
    else addCommand(parsing, { name, words, place })
  }
}

/** Whatever its path: the installer puts the file in this line's place before it reads anything, and nobody else does. */
function append(parsing: Parsing, line: KickstartCommand): void {
  if (line.words[0]) parsing.nodes.push(line)
  else parsing.problems.push(appendWithoutPath(formatPlace(line.place)))
}

function addCommand(
  parsing: Parsing,
  command: { name: string; words: readonly string[]; place: Place }
): void {
  if (knownCommands.includes(command.name)) parsing.nodes.push({ kind: 'command', ...command })
  else parsing.problems.push(commandUnknown(formatPlace(command.place), command.name, knownCommands))
}

/** A section while its lines are read. */
interface OpenSection {
  readonly lines: SectionLine[]
  readonly indented: SectionLine[]
  /** The word by which the installer knows %end, %include and the next section. */
  readonly wordOf: (line: SectionLine) => string
}

const scripts: readonly string[] = ['%pre', '%pre-install', '%post', '%onerror', '%traceback']

/**
 * Newer Anaconda looks past blanks before the percent sign. That of RHEL 6 and 7 does not: in a script such a line is
 * text, of a file that it writes perhaps. In lists of packages it is never meant so.
 */
function openSection(name: string, { release }: ParseOptions): OpenSection {
  const firstColumn = (release === 'RHEL6' || release === 'RHEL7') && scripts.includes(name)
  return { lines: [], indented: [], wordOf: ({ text }) => (firstColumn ? text : text.trimStart()).split(/\s/, 1)[0] ?? '' }
}

/** Remembers a line whose percent sign is not in the first column. */
function noteIndented(open: OpenSection, line: SectionLine): void {
  if (!line.text.startsWith('%')) open.indented.push(line)
}

/** An unknown section is read to its end too, so that its lines are not taken for commands. */
function readSection(parsing: Parsing, source: Source, opened: KickstartSection): void {
  const known = knownSections.includes(opened.name)
  if (!known)
    parsing.problems.push(sectionUnknown(formatPlace(opened.place), opened.name, knownSections))
  const open = openSection(opened.name, parsing)
  for (let line = takeLine(source); line; line = takeLine(source)) {
    const word = open.wordOf(line)
    if (word === '%end') {
      noteIndented(open, line)
      if (known) parsing.nodes.push(closed(opened, open))
      return
    }
    if (knownSections.includes(word)) {
      source.next-- // the line that opens the next section is read again, as such
      break
    }
    if (word === '%include') includeLines(parsing, source, line, open)
    else open.lines.push(line)
  }
  const blanked = open.lines.find(({ text }) => text.trim() === '%end')
  if (known) parsing.problems.push(sectionUnclosed(formatPlace(opened.place), opened.name, blanked && formatPlace(blanked.place)))
}

function closed(opened: KickstartSection, { lines, indented }: OpenSection): KickstartSection {
  return { ...opened, lines, ...(indented.length > 0 ? { indented } : {}) }
}

/** An included file inside a section is more of its lines: it can neither end it nor open another. */
function includeLines(parsing: Parsing, source: Source, line: SectionLine, open: OpenSection): void {
  noteIndented(open, line)
  const split = splitWords(line.text)
  if ('problem' in split) {
    parsing.problems.push(wordsWrong(formatPlace(line.place), split.problem))
    return
  }
  const take = (inner: Source) => {
    for (let each = takeLine(inner); each; each = takeLine(inner)) {
      const word = open.wordOf(each)
      if (word === '%end' || knownSections.includes(word))
        parsing.problems.push(endWithoutSection(formatPlace(each.place)))
      else if (word === '%include') includeLines(parsing, inner, each, open)
      else open.lines.push(each)
    }
  }
  include(parsing, { source, place: line.place, path: split.words[1], take, keep: () => open.lines.push(line) })
}

interface Including {
  readonly source: Source
  readonly place: Place
  readonly path: string | undefined
  /** Takes the included file's lines. */
  readonly take: (inner: Source) => void
  /** Takes the line itself, of a file that only the installer will find. */
  readonly keep: () => void
}

function include(parsing: Parsing, { source, place, path, take, keep }: Including): void {
  const at = formatPlace(place)
  if (!path) {
    parsing.problems.push(includeWithoutPath(at))
    return
  }
  const named = parsing.nameInclude?.(path) ?? path
  const file = named.startsWith('/') ? named : join(dirname(parsing.file), named)
  const chain = [...source.chain, file]
  if (source.chain.includes(file)) {
    parsing.problems.push(includeCycle(at, chain))
    return
  }
  let read: string | MappedText
  try {
    read = parsing.readInclude(path)
  } catch (error) {
    if (error instanceof PipelineError) parsing.problems.push(error)
    else if (parsing.keepInclude?.(path)) keep()
    else parsing.problems.push(includeUnreadable(at, path, error as NodeJS.ErrnoException))
    return
  }
  take(sourceOf(chain, read))
}
