/** Reads a .vmx file: one `key = "value"` on each line, every key once. */
import { vmxWrong } from '../errors/images.js'

/** Keys in lower case, for VMware does not tell them apart. `file` names it in errors. Errors: `vmx-wrong` (exit 5). */
export function parseVmx(text: string, file: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [, key, value] = /^([A-Za-z0-9_.:]+) = "([^"]*)"$/.exec(line) ?? []
    if (key === undefined || value === undefined) throw vmxWrong(file, `line ${at + 1} is no key = "value": ${line}`)
    if (found.has(key.toLowerCase())) throw vmxWrong(file, `line ${at + 1} sets ${key} a second time`)
    found.set(key.toLowerCase(), unescape(value))
  }
  return found
}

/** A bar and two hex digits stand for a letter. */
function unescape(value: string): string {
  return value.replace(/\|([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
