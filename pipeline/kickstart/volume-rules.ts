/** What volumes made of partitions need: one that is there already has its partitions, a new one names them. */
import { kickstartRule } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { CheckedCommand } from './conflicts.js'

/** Problems of a line that describes a RAID or a volume group; the first argument is its name. */
export function memberProblems(command: CheckedCommand): readonly PipelineError[] {
  const { name, place, values } = command
  if (name !== 'raid' && name !== 'volgroup') return []
  const existing = ['--useexisting', '--noformat'].find(option => values.flag(option))
  if (existing) return membersOfExisting(command, existing)
  return command.words.length < 2 ? [kickstartRule(place, `${name} names no partition to be made of`, hint(name))] : []
}

function hint(name: 'raid' | 'volgroup'): string {
  return name === 'raid' ? 'Write raid / --device=root --level=1 raid.01 raid.02.' : 'Write volgroup NAME pv.01.'
}

function membersOfExisting({ name, place, words }: CheckedCommand, option: string): readonly PipelineError[] {
  if (words.length < 2) return []
  const [, ...members] = words
  return [kickstartRule(place, `${name} ${option} cannot have partitions, and has ${members.join(', ')}`, 'Take them out.')]
}
