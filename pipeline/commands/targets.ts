/** `pipeline targets`: lists what can be built. */
import { loadTargets } from '../targets/index.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'

export async function runTargets(options: { readonly json?: boolean }, io: CommandIo): Promise<void> {
  const targets = await loadTargets()
  const rows = targets.map(({ name, summary }) => ({ name, summary }))
  if (options.json) return printJson(io, rows)
  const width = Math.max(...rows.map(row => row.name.length))
  for (const row of rows) printLine(io, `${row.name.padEnd(width)}  ${row.summary}`)
}
