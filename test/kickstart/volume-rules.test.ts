/** New volumes name their partitions; those that are there already do not. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { checkKickstart } from '../../pipeline/kickstart/check.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'

function problems(text: string): string[] {
  const tree = parseKickstart(text, { file: 'x.ks', readInclude: () => '' })
  return checkKickstart(tree, 'RHEL7').problems.map(formatOneLine)
}

const table: Readonly<Record<string, readonly string[]>> = {
  'raid / --device=root --level=1 raid.01 raid.02': [],
  'raid / --device=root --useexisting': [],
  'raid / --device=root --level=1': [
    'x.ks:1: raid names no partition to be made of. (Write raid / --device=root --level=1 raid.01 raid.02.)',
  ],
  'raid / --device=root --noformat raid.01': ['x.ks:1: raid --noformat cannot have partitions, and has raid.01. (Take them out.)'],
  'volgroup': ['x.ks:1: volgroup takes at least 1 besides options, and this line has none. (Put a value with blanks in quotes.)'],
  'volgroup vg': ['x.ks:1: volgroup names no partition to be made of. (Write volgroup NAME pv.01.)'],
  'volgroup vg pv.01': [],
  'volgroup vg --useexisting': [],
  'volgroup vg --useexisting pv.01': ['x.ks:1: volgroup --useexisting cannot have partitions, and has pv.01. (Take them out.)'],
}

for (const [text, wanted] of Object.entries(table)) {
  t.test(`judges ${text}`, async t => t.same(problems(text), wanted))
}
