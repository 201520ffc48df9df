/** Configurations of xl: names and values of each kind, each name once, and nothing that xl would read in another way. */
import t from 'tap'
import { parseXlConfig } from '../../pipeline/tools/xl-config.js'

t.test('reads texts, numbers and lists of both, and passes over comments', async t => {
  const text = `# comment\n\nname = "a b"\n  # another\nvcpus = 2\ndisk = ['format=qcow2, target=x', "y",7]\nvif=[]\n`
  t.same([...parseXlConfig(text, 'x.cfg')], [['name', 'a b'], ['vcpus', 2], ['disk', ['format=qcow2, target=x', 'y', 7]], ['vif', []]])
})

t.test('tells the line that is no setting, and the name that comes twice', async t => {
  const is = (line: string) => ({ message: `x.cfg is no configuration of xl: line 2 is no name = value: ${line}.`, exitCode: 5, code: 'xl-config-wrong' })
  const lines = [
    'name = "a', `name = 'a"`, 'name = "a"b"', String.raw`name = "a\"b"`, 'name = "a" "b"', 'name = "a"; vcpus = 2', 'name += "a"', 'vcpus = two', 'vcpus = 2 # two',
    'vcpus =', 'vcpus', 'Name = "a"', '2name = 1', "disk = ['a'", "disk = 'a']", "disk = ['a' 'b']", "disk = ['a', b]", "disk = [['a']]", 'disk = ["it" "s"]',
  ]
  for (const line of lines) t.throws(() => parseXlConfig(`memory = 1\n${line}\n`, 'x.cfg'), is(line), line)
  t.throws(() => parseXlConfig('a = 1\na = 1\n', 'x.cfg'), { message: 'x.cfg is no configuration of xl: line 2 sets a a second time.' })
})
