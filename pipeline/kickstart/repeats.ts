/** Lines of which Anaconda's reader takes no second one: for most commands it only says that the later one counts. */
import { commandTwice } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { CheckedCommand } from './conflicts.js'

/** By command: the option whose value may not come again; none where the whole command may not. */
const once: Readonly<Record<string, string | undefined>> = {
  snapshot: '--name',
  multipath: '--device',
  realm: undefined,
}

/** The problem of each line that says again what an earlier one said; the lines are in file order. */
export function repeatProblems(lines: readonly CheckedCommand[]): readonly PipelineError[] {
  return lines.flatMap((later, at) => {
    const said = saidOnce(later)
    const earlier = said === undefined ? undefined : lines.slice(0, at).find(line => saidOnce(line) === said)
    return earlier && said !== undefined ? [commandTwice(later.place, said, earlier.place)] : []
  })
}

function saidOnce({ name, values }: CheckedCommand): string | undefined {
  if (!Object.hasOwn(once, name)) return undefined
  const option = once[name]
  return option === undefined ? name : `${name} ${option}=${values.value(option)}`
}
