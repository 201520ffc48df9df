/** Digests of files. */
import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256File } from '../../pipeline/tools/checksum.js'

t.test('digests files, also larger than one chunk, and stops when told to', async t => {
  const directory = t.testdir({ empty: '', small: 'abc' })
  t.equal(await sha256File(join(directory, 'empty')), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  t.equal(await sha256File(join(directory, 'small')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  writeFileSync(join(directory, 'zeros'), Buffer.alloc(10 * 1024 * 1024))
  t.equal(await sha256File(join(directory, 'zeros')), 'e5b844cc57f57094ea4585e235f36c78c1cd222262bb89d53c94dcb4d6b3e55d')
  await t.rejects(sha256File(join(directory, 'zeros'), AbortSignal.abort()), { name: 'AbortError' })
  await t.rejects(sha256File(join(directory, 'none')), { code: 'ENOENT' })
})
