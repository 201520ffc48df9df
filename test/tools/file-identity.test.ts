import t from 'tap'
import { renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identityOf } from '../../pipeline/tools/file-identity.js'

t.test('a file that was written, exchanged or put back to its old time is another one', async t => {
  const folder = t.testdir({ file: 'one', other: 'one' })
  const path = join(folder, 'file')
  const seen = new Set([await identityOf(path)])
  t.equal(await identityOf(path), [...seen][0])
  const { atime, mtime } = statSync(path)
  const changes = [() => writeFileSync(path, 'two'), () => utimesSync(path, atime, mtime), () => renameSync(join(folder, 'other'), path)]
  for (const change of changes) {
    // Longer than the clock's grain.
    await new Promise(resolve => setTimeout(resolve, 20))
    change()
    const identity = await identityOf(path)
    t.notOk(seen.has(identity))
    seen.add(identity)
  }
})
