import t from 'tap'
import { createDeflatePool } from '../../pipeline/images/deflate-pool.js'
t.test('x', async t => {
  const pool = createDeflatePool()
  const m = new SharedArrayBuffer(1048576); new Uint8Array(m)[3]=4
  const s = performance.now()
  const g = await pool.deflate({kind:'stream', block:m, grains:[0,2]})
  console.log(g.map(x=>[x.index,x.body.length,x.adler32,x.crc32]), performance.now()-s)
  await pool.close()
  t.pass()
})
