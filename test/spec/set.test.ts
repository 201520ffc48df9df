/** --set: what it changes, and what it refuses. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { applySets } from '../../pipeline/spec/set.js'

const written = { title: 'Test box', hardware: { cpus: 2, diskGib: 10 } }

t.test('replaces and adds values, the last of equal keys wins, the original stays', async t => {
  const { data, keys, problems } = applySets(written, [
    'hardware.cpus=4',
    'network.dhcpWaitSeconds=5',
    'hardware.cpus=8',
  ])
  t.same(data, { title: 'Test box', hardware: { cpus: 8, diskGib: 10 }, network: { dhcpWaitSeconds: 5 } })
  t.same([...keys], ['hardware.cpus', 'network.dhcpWaitSeconds'])
  t.same(problems, [])
  t.equal(written.hardware.cpus, 2)
})

t.test('reads YAML values, and takes text as it stands where the key is text', async t => {
  const cases: Record<string, [key: string, value: unknown]> = {
    'release=7.9': ['release', '7.9'],
    'title=true': ['title', 'true'],
    'title="a: b"': ['title', 'a: b'],
    'title=a: b': ['title', 'a: b'],
    'title=': ['title', ''],
    'title=a=b': ['title', 'a=b'],
    'targets=[kvm, vmware]': ['targets', ['kvm', 'vmware']],
    'params=x': ['params', undefined],
  }
  for (const [argument, [key, value]] of Object.entries(cases)) {
    t.same((applySets({}, [argument]).data as Record<string, unknown>)[key], value, argument)
  }
  t.same(applySets({}, ['params.size=3', 'params.on=true', 'params.word=x']).data, {
    params: { size: 3, on: true, word: 'x' },
  })
})

t.test('refuses keys that are not there, groups, and what is no value', async t => {
  const cases: Record<string, string> = {
    'hardware.cpu=2': '--set: hardware.cpu: unknown key (Did you mean "hardware.cpus"?)',
    'hardware={cpus: 2}':
      '--set hardware: this is a group of values (Set one of: hardware.cpus, hardware.memoryMib, hardware.diskGib.)',
    'params={a: 2}': '--set params: this is a group of values (Set one of: params.<name>.)',
    'hardware.cpus': '--set hardware.cpus: there is no value (Write --set key=value.)',
    'hardware.cpus=[': '--set: hardware.cpus: "[" is not a YAML value',
    'targets=[*a]': '--set: targets: "[*a]" is not a YAML value',
  }
  for (const [argument, wanted] of Object.entries(cases)) {
    const { data, problems } = applySets(written, [argument])
    t.same(problems.map(formatOneLine), [wanted])
    t.same(data, written)
  }
})

t.test('a key named __proto__ stays a key', async t => {
  const { data } = applySets({}, ['params.__proto__=3'])
  t.ok(Object.hasOwn((data as { params: object }).params, '__proto__'))
})
