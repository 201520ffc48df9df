/** Reads the part of Ruby that a box's Vagrantfile is written in: blocks, settings and calls, one on each line; nothing else. */
import { vagrantfileWrong } from '../errors/images.js'

interface Block {
  /** What it calls the thing that its settings belong to. */
  readonly variable: string
  /** Where it begins. */
  readonly line: number
}

/** What Ruby would put a value in for (`#{...}`) is none of these, nor an escape that it reads in another way than JSON. */
const text = String.raw`"(?:[^"\\#]|\\["\\nt]|#(?![{$@]))*"`
const value = String.raw`(?:${text}|\d+|:[a-z_]+|true|false)`
const item = String.raw`(?:[a-z_]+: )?(?:${value}|\[${value}(?:, ${value})*\])`
const items = String.raw`${item}(?:, ${item})*`
const subject = String.raw`([A-Za-z_]+)((?:\.[a-z_]+)+(?:\[${text}\])?)`

const beforeComment = new RegExp(String.raw`^((?:${text}|[^"#])*)(?:#.*)?$`)
const statements = [
  ['opens', new RegExp(String.raw`^${subject}(?:\(${items}\)| ${items}) do \|([a-z_]+)\|$`)],
  ['sets', new RegExp(String.raw`^${subject} = (${value})$`)],
  ['calls', new RegExp(String.raw`^${subject} (${items})$`)],
] as const

export type VagrantValue = string | number | boolean

/**
 * By what is set or called (`machine.memory`, `machine.vmx["memsize"]`): the value that is set, a symbol with its colon;
 * of a call its values as they are written, a line for each time. `file` names it in errors.
 * Errors: `vagrantfile-wrong` (exit 5).
 */
export function parseVagrantfile(content: string, file: string): ReadonlyMap<string, VagrantValue> {
  const found = new Map<string, VagrantValue>()
  const open: Block[] = []
  for (const [at, line] of content.split('\n').entries()) {
    const wrong = (problem: string) => vagrantfileWrong(file, `line ${at + 1} ${problem}: ${line.trim()}`)
    const code = beforeComment.exec(line)?.[1]?.trim()
    if (code === undefined) throw wrong('has a text that does not end, or that Ruby would change')
    if (code === '') continue
    if (code !== 'end') take(code, { found, open, line: at + 1 }, wrong)
    else if (!open.pop()) throw wrong('ends a block that none began')
  }
  const unended = open.at(-1)
  if (unended) throw vagrantfileWrong(file, `the block that line ${unended.line} begins has no end`)
  return found
}

/** What was read up to this line. */
interface Reading {
  readonly found: Map<string, VagrantValue>
  readonly open: Block[]
  readonly line: number
}

function take(code: string, { found, open, line }: Reading, wrong: (problem: string) => Error): void {
  const [kind, match] = statements.map(([kind, pattern]) => [kind, pattern.exec(code)] as const).find(([, match]) => match) ?? []
  if (!match) throw wrong('is no block, setting or call')
  const [, owner = '', what = '', rest = ''] = match
  if (owner !== 'Vagrant' && !open.some(({ variable }) => variable === owner)) throw wrong(`names ${owner}, which no block gives`)
  const name = owner + what
  const before = found.get(name)
  if (kind === 'opens') open.push({ variable: rest, line })
  else if (kind === 'sets' && before !== undefined) throw wrong(`sets ${name} a second time`)
  else if (kind === 'sets') found.set(name, valueOf(rest))
  else found.set(name, before === undefined ? rest : `${before}\n${rest}`)
}

function valueOf(written: string): VagrantValue {
  return written.startsWith(':') ? written : (JSON.parse(written) as VagrantValue)
}
