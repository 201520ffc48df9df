/** The environment of children. */
import t from 'tap'
import { childEnvironment, childPath } from '../../pipeline/tools/child-env.js'

t.test('passes on proxies and CA bundles and nothing else of the caller', async t => {
  const parent = {
    PATH: '/usr/bin:/usr/sbin', HOME: '/home/someone', LC_ALL: 'de_DE.UTF-8', https_proxy: 'http://proxy.example:3128',
    SSL_CERT_FILE: '/ca.pem', AWS_SECRET_ACCESS_KEY: 'never', AWS_CA_BUNDLE: '/ca.pem', GITHUB_TOKEN: 'never', EDITOR: 'vi',
  }
  t.same(childEnvironment(parent, { QEMU: 'x', HOME: '/root' }), {
    HOME: '/root',
    https_proxy: 'http://proxy.example:3128',
    SSL_CERT_FILE: '/ca.pem',
    PATH: '/usr/bin:/usr/sbin:/usr/local/sbin:/sbin',
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    QEMU: 'x',
  })
})

t.test('looks for programs in absolute folders only, and in the system folders too', async t => {
  t.equal(childPath({ PATH: '.:bin::/opt/bin' }), '/opt/bin:/usr/local/sbin:/usr/sbin:/sbin')
  t.equal(childPath({}), '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin')
})
