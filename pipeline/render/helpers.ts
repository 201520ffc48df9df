/**
 * The helpers that templates can call; each is pure and throws an Error with a user's message on a
 * value it cannot take.
 */

export interface TemplateHelper {
  /** How many values it takes. */
  readonly values: number
  /** Whether a value may be null. */
  readonly takesNull: boolean
  readonly call: (...values: readonly unknown[]) => string | boolean
}

/**
 * `json`: any value as JSON. `xml`: text or attribute value. `sh`: one word of a POSIX shell. `ps`: the same of
 * PowerShell. `vmx`: what stands between the quotes of a .vmx or VMDK descriptor. `eq`: whether two values are equal.
 */
export const templateHelpers: Readonly<Record<string, TemplateHelper>> = {
  json: { values: 1, takesNull: true, call: value => JSON.stringify(value) },
  xml: { values: 1, takesNull: false, call: value => escapeXml(single('xml', value)) },
  sh: { values: 1, takesNull: false, call: value => quoteShell(single('sh', value)) },
  ps: { values: 1, takesNull: false, call: value => quotePowerShell(single('ps', value)) },
  vmx: { values: 1, takesNull: false, call: value => escapeVmx(single('vmx', value)) },
  eq: { values: 2, takesNull: true, call: (a, b) => a === b },
}

/** Names of the block helpers; Handlebars brings them, each takes one value. */
export const blockHelpers: readonly string[] = ['if', 'unless', 'each', 'with']

function single(helper: string, value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value)
  throw new Error(`${helper} takes a single value, not a list or group`)
}

const xmlEntities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

function escapeXml(text: string): string {
  // https://www.w3.org/TR/xml/#charsets: these cannot stand in XML 1.0 in any spelling.
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/.test(text))
    throw new Error('xml: the value holds a control character, which XML cannot carry')
  return text.replace(/[&<>"']/g, letter => xmlEntities[letter] ?? letter)
}

/** VMware's own escape is a bar and two hex digits: for the bar itself, quotes, and what would end the line. */
function escapeVmx(text: string): string {
  const hex = (letter: string) => `|${letter.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  return text.replace(/[\x00-\x1f"|]/g, hex)
}

function quoteShell(text: string): string {
  if (text.includes('\0'))
    throw new Error('sh: the value holds a NUL character, which no shell word can carry')
  return `'${text.replaceAll("'", `'\\''`)}'`
}

/** PowerShell takes typographic quotes for quotes, too. */
function quotePowerShell(text: string): string {
  if (/[\x00-\x1f]/.test(text)) throw new Error('ps: the value holds a control character')
  return `'${text.replace(/['\u2018-\u201b]/g, quote => quote + quote)}'`
}
