/** The little language of option tables, and the values that it lets through. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { rulesOf, wrongValue } from '../../pipeline/kickstart/option-rules.js'

const usual = { kind: 'value', required: false, deprecated: false, superseded: undefined, nocase: false, choices: [] }

t.test('reads kind, marks and choices, in any order', async t => {
  const rules = rulesOf({
    options: { '--a': 'value', '--b': 'int required', '--c': 'value deprecated x|y', '--d': 'value dhcp|static required', '--e': 'value only', '--f': 'flag superseded=--g', '--h': 'value nocase x|y' },
  })
  t.strictSame(Object.fromEntries(rules), {
    '--a': { ...usual, name: '--a' },
    '--b': { ...usual, name: '--b', kind: 'int', required: true },
    '--c': { ...usual, name: '--c', deprecated: true, choices: ['x', 'y'] },
    '--d': { ...usual, name: '--d', required: true, choices: ['dhcp', 'static'] },
    '--e': { ...usual, name: '--e', choices: ['only'] },
    '--f': { ...usual, name: '--f', kind: 'flag', superseded: '--g' },
    '--h': { ...usual, name: '--h', nocase: true, choices: ['x', 'y'] },
  })
})

t.test('all names of an option lead to one rule, which has the first name', async t => {
  const rules = rulesOf({ options: { '--utc --isUtc -u': 'flag' } })
  t.strictSame([...rules.keys()], ['--utc', '--isUtc', '-u'])
  t.equal(new Set(rules.values()).size, 1)
  t.equal(rules.get('-u')?.name, '--utc')
  t.strictSame([...rulesOf({}).keys()], [])
})

const values: Readonly<Record<string, readonly [good: readonly string[], bad: readonly string[], text: string]>> = {
  'int': [['0', '12', '-1', '007'], ['', '1.5', '1k', ' 1', '0x1', '1\n'], 'is no whole number. (Write --x=NUMBER.)'],
  'boolean': [['yes', 'No', 'ON', 'off', 'true', 'FALSE', '1', '0'], ['', 'y', '2', 'yes '], 'is neither yes nor no. (Write --x=yes or --x=no.)'],
  'value dhcp|static': [['dhcp', 'static'], ['', 'DHCP', 'dhcp|static', 'dhcp '], 'is not one of its values. (Values: dhcp, static.)'],
  'value nocase lvm|plain': [['lvm', 'LVM', 'Plain'], ['', 'ext4'], 'is not one of its values. (Values: lvm, plain.)'],
  'value': [['', 'anything: at all'], [], ''],
  'list': [['a,b', ''], [], ''],
}

for (const [rule, [good, bad, text]] of Object.entries(values)) {
  t.test(`knows the values of "${rule}"`, async t => {
    const known = rulesOf({ options: { '--x': rule } }).get('--x')
    if (!known) throw new TypeError('no rule')
    for (const value of good) t.equal(wrongValue('box.ks:3', '--x', known, value), undefined, JSON.stringify(value))
    for (const value of bad) {
      const problem = wrongValue('box.ks:3', '--x', known, value)
      t.equal(problem && formatOneLine(problem), `box.ks:3: --x=${value} ${text}`, JSON.stringify(value))
    }
  })
}
