import t from 'tap'
import { isSafeName, isSafePath, normalizePrefix, treeKeys, urlPath } from '../../pipeline/release/tree.js'

t.test('a prefix is one with and without slashes', t => {
  const table: Record<string, string> = { '': '', '/': '', a: 'a/', 'a/': 'a/', '/a/b//': 'a/b/' }
  for (const [prefix, normal] of Object.entries(table)) t.equal(normalizePrefix(prefix), normal, prefix)
  t.end()
})

t.test('keys become addresses that S3 reads as they are', t => {
  t.equal(urlPath(treeKeys.release('ciab', '1.0+a')), 'ciab/1.0%2Ba/')
  t.equal(urlPath('kvm/für alle?.txt'), 'kvm/f%C3%BCr%20alle%3F.txt')
  t.end()
})

t.test('no path of a document leads out of its folder', t => {
  for (const path of ['a', 'kvm/a b', 'kvm/ü.txt', '..a/b', 'a/b..']) t.ok(isSafePath(path), path)
  for (const path of ['', '..', 'a/../b', './a', 'a//b', '/a', 'a/', 'a\\b', 'a\nb', 'a\u0000', 'x'.repeat(1025)]) t.notOk(isSafePath(path), JSON.stringify(path))
  t.end()
})

t.test('names of appliances, versions and channels are single, plain segments', t => {
  for (const name of ['ciab', '1.0.0+20260101.aaaaaaaa', 'a~b_c-d']) t.ok(isSafeName(name), name)
  for (const name of ['', '.', '..', '-a', '.a', 'a/b', 'a b', 'ü', 'a%2e', 'x'.repeat(129)]) t.notOk(isSafeName(name), name)
  t.end()
})
