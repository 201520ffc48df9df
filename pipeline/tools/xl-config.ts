/** Reads a configuration of xl strictly: one `name = value` on each line, every name once; no more of its grammar than that. */
import { xlConfigWrong } from '../errors/images.js'

export type XlAtom = string | number
export type XlValue = XlAtom | readonly XlAtom[]

/**
 * Values: "text" or 'text', whole numbers, lists of both. What xl would read otherwise (`+=`, `;`, a backslash in a
 * text) is refused, for no template here means it. `file` names it in errors. Errors: `xl-config-wrong` (exit 5).
 */
export function parseXlConfig(text: string, file: string): ReadonlyMap<string, XlValue> {
  const found = new Map<string, XlValue>()
  for (const [at, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue
    const [, name = '', written = ''] = /^([a-z][a-z0-9_]*)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    const value = valueOf(written)
    if (value === undefined) throw xlConfigWrong(file, `line ${at + 1} is no name = value: ${line}`)
    if (found.has(name)) throw xlConfigWrong(file, `line ${at + 1} sets ${name} a second time`)
    found.set(name, value)
  }
  return found
}

const atom = String.raw`(?:"[^"\\]*"|'[^'\\]*'|\d+)`
const list = new RegExp(String.raw`^\[\s*(?:${atom}(?:\s*,\s*${atom})*\s*,?\s*)?\]$`)

function valueOf(written: string): XlValue | undefined {
  if (new RegExp(`^${atom}$`).test(written)) return atomOf(written)
  return list.test(written) ? (written.match(new RegExp(atom, 'g')) ?? []).map(atomOf) : undefined
}

function atomOf(written: string): XlAtom {
  return /^\d/.test(written) ? Number(written) : written.slice(1, -1)
}
