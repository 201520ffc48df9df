/** What counts as said: as in Python, an empty word, an empty list and 0 do not. */
import t from 'tap'
import { OptionValues } from '../../pipeline/kickstart/options.js'
import { says } from '../../pipeline/kickstart/says.js'

const given = (name: string, option: string, ...values: readonly string[]) => ({
  name,
  place: 'x.ks:1',
  values: new OptionValues(new Map([[option, values]])),
  words: [],
  line: [],
})

const table: Readonly<Record<string, readonly [command: ReturnType<typeof given>, option: string, said: boolean]>> = {
  'a flag': [given('part', '--grow'), '--grow', true],
  'an absent option': [given('part', '--grow'), '--size', false],
  'a number': [given('part', '--size', '1'), '--size', true],
  'the number 0': [given('part', '--size', '00'), '--size', false],
  'a value': [given('part', '--fstype', 'xfs'), '--fstype', true],
  'the value 0': [given('part', '--fstype', '0'), '--fstype', true],
  'an empty value': [given('part', '--fstype', ''), '--fstype', false],
  'the last value where it counts': [given('part', '--fstype', 'xfs', ''), '--fstype', false],
  'a list': [given('services', '--enabled', 'sshd'), '--enabled', true],
  'an empty list': [given('services', '--enabled'), '--enabled', false],
  'a value that may be left out': [given('mount', '--reformat', ''), '--reformat', true],
  'an option of a section': [given('%post', '--log', ''), '--log', false],
}

for (const [what, [command, option, wanted]] of Object.entries(table)) {
  t.test(`${what} ${wanted ? 'says something' : 'says nothing'}`, async t => t.equal(says(command, option, 'RHEL9'), wanted))
}
