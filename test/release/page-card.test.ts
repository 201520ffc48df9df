import t from 'tap'
import { card, signatureLinks } from '../../pipeline/release/page-card.js'
import { publishedTarget, releaseDocument } from '../fixtures/published-documents.js'

const release = releaseDocument('1.0+a')

t.test('a card has the file, its size, how it is started, its checksum and where it was booted', t => {
  const { text } = card(release, publishedTarget('kvm', 'ciab-1.0+a.qcow2'))
  for (const part of ['data-systems="linux"', 'href="ciab/1.0%2Ba/kvm/ciab-1.0%2Ba.qcow2" download', '<span>351 MiB</span>', 'sudo sh run-evc.sh', 'ab'.repeat(32), 'BIOS in 75 s, UEFI in 81 s']) {
    t.ok(text.includes(part), part)
  }
  t.end()
})

t.test('files of the target for people are linked, those for programs not', t => {
  const files = ['kvm/disk', 'kvm/disk.chunks', 'kvm/start.sh', 'kvm/SHA256SUMS', 'kvm/SHA256SUMS.sig', 'vmware/x'].map(path => ({ path, sizeBytes: 1, sha256: '', mediaType: '', target: path.split('/')[0] ?? '' }))
  const { text } = card({ ...release, files }, publishedTarget('kvm', 'disk'))
  t.same([...text.matchAll(/href="[^"]*1\.0%2Ba\/([^"]*)"/g)].map(([, path]) => path), ['kvm/disk', 'kvm/start.sh', 'kvm/SHA256SUMS', 'kvm/SHA256SUMS.sig'])
  t.end()
})

t.test('each kind of signature has its link, and an unsigned release none', t => {
  t.equal(signatureLinks({ ...release, signatures: ['ssh', 'openpgp'] }, 'S').text, '<a href="S.sig" download>signature</a>\n<a href="S.asc" download>OpenPGP signature</a>')
  t.equal(signatureLinks({ ...release, signatures: [] }, 'S').text, '')
  t.end()
})
