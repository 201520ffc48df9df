/** Masking of secrets in text. */
import t from 'tap'
import { createMasker, proxyPasswords } from '../../pipeline/tools/mask.js'

t.test('masks a secret as it is and as it looks in URLs', async t => {
  const mask = createMasker(["it's a/b"])
  t.equal(mask("raw it's a/b."), 'raw ***.')
  t.equal(mask("component it's%20a%2Fb."), 'component ***.')
  t.equal(mask('strict it%27s%20a%2Fb.'), 'strict ***.')
  t.equal(mask('form it%27s+a%2Fb.'), 'form ***.')
  t.equal(mask('lower it%27s%20a%2fb.'), 'lower ***.')
})

t.test('masks the longest of overlapping secrets first', async t => {
  t.equal(createMasker(['secret', 'secret-and-more'])('secret-and-more secret'), '*** ***')
})

t.test('leaves words shorter than five letters alone', async t => {
  t.equal(createMasker(['root', ''])('root is root'), 'root is root')
})

t.test('masks a key of several lines line by line', async t => {
  t.equal(createMasker(['-----BEGIN KEY-----\nAAAABBBB\n'])('x\nAAAABBBB y'), 'x\n*** y')
})

t.test('finds proxy passwords, encoded or not', async t => {
  t.same(proxyPasswords({ https_proxy: 'http://me:p%40ss@proxy.example:1', NO_PROXY: 'a:b@c', http_proxy: 'http://proxy.example' }), [
    'p%40ss', 'p@ss',
  ])
})
