/** Whether an option says anything: what Anaconda's reader asks before it holds options to each other. */
import type { CheckedCommand } from './conflicts.js'
import { rulesOf } from './option-rules.js'
import { wordTable } from './releases.js'
import type { ElRelease } from './releases.js'

/** The reader is written in Python, where an empty word, an empty list and the number 0 are as good as none. */
export function says({ name, values }: CheckedCommand, option: string, release: ElRelease): boolean {
  if (!values.flag(option)) return false
  const kind = rulesOf(wordTable(release, name)).get(option)?.kind
  if (kind === 'int') return values.number(option) !== 0
  if (kind === 'list') return values.list(option).length > 0
  return kind !== 'value' || values.value(option) !== ''
}
