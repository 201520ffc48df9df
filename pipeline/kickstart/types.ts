/** The tree of a kickstart: commands and sections in file order, each with the place it was written at. */

export interface Place {
  /** As given to the parser; included files are relative to the same folder. */
  readonly file: string
  /** From 1. */
  readonly line: number
}

/** A text made from another one, such as a template: messages name the lines of that. */
export interface MappedText {
  readonly text: string
  /** For each line of the text, from 1. */
  readonly numbers: readonly number[]
}

export interface KickstartCommand {
  readonly kind: 'command'
  readonly name: string
  /** Options and arguments, quotes resolved. */
  readonly words: readonly string[]
  readonly place: Place
}

/** Names of commands that stand for a file which only the installer will see. */
export const installersLines: readonly string[] = ['%include', '%ksappend']

export interface SectionLine {
  /** Exactly as written, without the line's end. */
  readonly text: string
  readonly place: Place
}

export interface KickstartSection {
  readonly kind: 'section'
  /** With its percent sign: `%post`. */
  readonly name: string
  readonly words: readonly string[]
  readonly lines: readonly SectionLine[]
  /** Its %end and %include that do not begin in the first column, included files' too; absent: none. */
  readonly indented?: readonly SectionLine[]
  readonly place: Place
}

export type KickstartNode = KickstartCommand | KickstartSection

export interface Kickstart {
  readonly file: string
  readonly nodes: readonly KickstartNode[]
}

/** `file:line` */
export function formatPlace(place: Place): string {
  return `${place.file}:${place.line}`
}
