/** The addresses that an el appliance is built from, as they are and through a mirror. */
import t from 'tap'
import { addressesOf } from '../../pipeline/spec/addresses.js'
import { fixedDefaults } from '../../pipeline/spec/defaults.js'
import { mirrored } from '../../pipeline/spec/mirrored.js'

const el = {
  ...fixedDefaults.el,
  installerUrl: 'https://vault.example/7.iso',
  repositories: { base: { url: 'https://vault.example/os', key: 'a' }, more: { url: 'https://more.example/x/', key: 'a' } },
  keys: { a: { url: 'file:///etc/key', fingerprint: '' }, b: { url: 'https://more.example/key', fingerprint: '' } },
}

t.test('repositories are asked for their index, a tree for its list, files of this machine for nothing', async t => {
  t.same(addressesOf(el), [
    'https://vault.example/7.iso',
    'https://vault.example/os/repodata/repomd.xml',
    'https://more.example/x/repodata/repomd.xml',
    'https://more.example/key',
  ])
  t.equal(addressesOf({ ...el, installerUrl: 'http://tree.example/os/' })[0], 'http://tree.example/os/.treeinfo')
  t.equal(addressesOf({ ...el, installerUrl: '/media/7.iso' })[0], 'https://vault.example/os/repodata/repomd.xml')
  t.same(addressesOf(fixedDefaults.el), [])
})

t.test('a mirror stands before host and path; paths and files stay', async t => {
  t.equal(addressesOf({ ...el, mirror: 'http://10.0.0.1/copies/' })[0], 'http://10.0.0.1/copies/vault.example/7.iso')
  t.equal(mirrored('https://a.example:8080/b?c=d', 'http://m'), 'http://m/a.example:8080/b?c=d')
  t.equal(mirrored('/media/7.iso', 'http://m'), '/media/7.iso')
  t.equal(mirrored('file:///etc/key', 'http://m'), 'file:///etc/key')
  t.equal(mirrored('https://a.example/b', ''), 'https://a.example/b')
})
