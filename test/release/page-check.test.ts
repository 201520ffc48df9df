import t from 'tap'
import { checkLines, checkPanel } from '../../pipeline/release/page-check.js'
import { releaseDocument } from '../fixtures/published-documents.js'

const kvm = { name: 'kvm', mainFile: 'kvm/a+b.qcow2' }

t.test('the lines download, check the signatures that are there, then the sums', t => {
  const sums = 'ADDRESS/ciab/1/kvm/SHA256SUMS'
  t.same(checkLines(releaseDocument('1', { signatures: ['ssh', 'openpgp'] }), kvm), [
    'curl -fL -C - -O ADDRESS/ciab/1/kvm/a%2Bb.qcow2',
    `curl -fL -O ${sums} -O ${sums}.sig -O ${sums}.asc`,
    'ssh-keygen -Y verify -f allowed_signers -I release -n appliance-release -s SHA256SUMS.sig < SHA256SUMS',
    'gpg --verify SHA256SUMS.asc SHA256SUMS',
    'sha256sum -c --ignore-missing SHA256SUMS',
  ])
  t.same(checkLines(releaseDocument('1', { signatures: [] }), kvm).length, 3)
  t.end()
})

t.test('the panel shows the lines of kvm where there is one, and says where the key comes from', t => {
  const { text } = checkPanel(releaseDocument('1'))
  t.match(text, /ADDRESS\/ciab\/1\/kvm\/ciab-1\.qcow2/)
  t.match(text, /The key must come from elsewhere than this page/)
  t.equal(checkPanel(releaseDocument('1', { targets: [] })).text, '')
  t.end()
})
