/** One certificate for API, page and web console: told on the screen, handed on after the set-up. */
import { X509Certificate } from 'node:crypto'
import { readFileSync, readlinkSync, statSync } from 'node:fs'
import t from 'tap'
import { guestFolder } from '../fixtures/guest-folder.js'
import type { GuestFolder } from '../fixtures/guest-folder.js'
import { realDeps } from '../fixtures/target-contract.js'

/** As Incus makes its own. */
async function withCertificate(guest: GuestFolder): Promise<X509Certificate> {
  guest.write('incus/.keep', '')
  const [key, certificate] = [guest.path('incus/server.key'), guest.path('incus/server.crt')]
  await realDeps.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-subj', '/CN=root@ciab', '-keyout', key, '-out', certificate])
  return new X509Certificate(readFileSync(certificate))
}

const places = (guest: GuestFolder) => `export INCUS_DIR='${guest.path('incus')}' EVC_COCKPIT='${guest.path('cockpit')}'\n`

t.test("tells the fingerprint of the cloud's certificate as browsers show it (a stub of Incus)", async t => {
  const guest = guestFolder(t.testdir({}))
  const certificate = await withCertificate(guest)
  for (const name of ['runuser', 'chown']) guest.stub(name)
  guest.stub('ip', 'exit 0')
  guest.stub('incus', 'case "$*" in *"trust add "*) echo token ;; esac')
  const { code, stderr } = guest.sh(`${places(guest)}"$EVC_LIB/steps/40-cloud"`)
  t.equal(code, 0, stderr)
  t.equal(guest.read('run/facts/fingerprint'), certificate.fingerprint256)
})

t.test('page and web console use it; its key is in memory, for the web server and root alone', async t => {
  const guest = guestFolder(t.testdir({}))
  const certificate = await withCertificate(guest)
  for (const name of ['chgrp', 'systemctl']) guest.stub(name)
  const { code, stderr } = guest.sh(`${places(guest)}"$EVC_LIB/share-certificate"`)
  t.equal(code, 0, stderr)
  t.equal(new X509Certificate(guest.read('run/tls/appliance.crt')).fingerprint256, certificate.fingerprint256)
  t.equal(statSync(guest.path('run/tls/appliance.key')).mode & 0o777, 0o640)
  t.equal(readlinkSync(guest.path('cockpit/ws-certs.d/evc.key')), guest.path('run/tls/appliance.key'))
  t.match(guest.read('run/nginx/tls.conf'), `ssl_certificate_key ${guest.path('run/tls/appliance.key')};`)
  t.same(guest.calls(), [`chgrp www-data ${guest.path('run/tls/appliance.key')}`, 'systemctl reload evc-web.service'])
})

t.test('without a certificate of the cloud nothing is changed', async t => {
  const guest = guestFolder(t.testdir({}))
  for (const name of ['chgrp', 'systemctl']) guest.stub(name)
  t.not(guest.sh(`${places(guest)}"$EVC_LIB/share-certificate"`).code, 0)
  t.equal(guest.read('run/nginx/tls.conf'), '')
  t.same(guest.calls(), [])
})
