import t from 'tap'
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { followLog } from '../../pipeline/stages/follow.js'

t.test('gives each finished line of a log that appears and grows later, once', async t => {
  const path = join(t.testdir({}), 'serial.log')
  const lines: string[] = []
  const stop = followLog(path, line => lines.push(line))
  await appendFile(path, 'one\ntw')
  await appendFile(path, 'o\nthree')
  await stop()
  t.same(lines, ['one', 'two'])
})

t.test('an unfinished line is told when it has stopped growing', async t => {
  const path = join(t.testdir({}), 'serial.log')
  await appendFile(path, 'one\nPassword: ')
  const rest = new Promise<string>(resolve => {
    const stop = followLog(path, () => {}, text => void stop().then(() => resolve(text)))
  })
  t.equal(await rest, 'Password: ')
})
