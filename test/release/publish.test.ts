import t from 'tap'
import { objectsOf } from '../../pipeline/release/publish.js'

const file = (path: string, sizeBytes: number) => ({ path, sizeBytes, sha256: '', mediaType: '', local: '', identity: '' })

t.test('artifacts travel before what describes them, large ones first', t => {
  const files = [
    file('SHA256SUMS', 9), file('SHA256SUMS.sig', 9), file('kvm/SHA256SUMS', 8), file('kvm/disk.qcow2', 100), file('kvm/start.sh', 5), file('kvm/disk.qcow2.chunks', 7),
    file('manifest.json', 3), file('sbom.cdx.json', 500), file('provenance.json', 4), file('verification.json', 5), file('vmware/disk.zip', 90),
  ]
  t.same(objectsOf({ files }).map(group => group.map(({ path }) => path)), [
    ['kvm/disk.qcow2', 'vmware/disk.zip', 'kvm/disk.qcow2.chunks', 'kvm/start.sh', 'verification.json'],
    ['sbom.cdx.json', 'SHA256SUMS', 'SHA256SUMS.sig', 'kvm/SHA256SUMS', 'provenance.json', 'manifest.json'],
  ])
  t.end()
})
