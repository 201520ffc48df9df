import t from 'tap'
import { changingHeaders, mediaTypeOf, releaseHeaders } from '../../pipeline/release/object-headers.js'

const kept = 'public, max-age=31536000, immutable'

t.test('every kind of file has its type, and what no browser shows is a file to save', t => {
  const table: Record<string, [string, string | undefined]> = {
    SHA256SUMS: ['text/plain; charset=utf-8', undefined],
    'kvm/SHA256SUMS.sig': ['text/plain; charset=utf-8', undefined],
    'sbom.cdx.json': ['application/vnd.cyclonedx+json', undefined],
    'provenance.json': ['application/vnd.in-toto+json', undefined],
    'verification.md': ['text/markdown; charset=utf-8', undefined],
    'kvm/start.sh': ['text/plain; charset=utf-8', 'attachment; filename="start.sh"'],
    'hyperv/import.ps1': ['text/plain; charset=utf-8', 'attachment; filename="import.ps1"'],
    'kvm/ciab.qcow2': ['application/x-qemu-disk', 'attachment; filename="ciab.qcow2"'],
    'ova/CIAB.OVA': ['application/x-virtualbox-ova', 'attachment; filename="CIAB.OVA"'],
    'kvm/empty': ['application/octet-stream', 'attachment; filename="empty"'],
    'kvm/für "alle"(1).zip': ['application/zip', `attachment; filename="f_r _alle_(1).zip"; filename*=UTF-8''f%C3%BCr%20%22alle%22%281%29.zip`],
  }
  for (const [path, [contentType, contentDisposition]] of Object.entries(table)) {
    t.same(releaseHeaders(path), { contentType, cacheControl: kept, ...(contentDisposition === undefined ? {} : { contentDisposition }) }, path)
  }
  t.end()
})

t.test('what changes in its place is asked for anew each time', t => {
  t.same(changingHeaders('index.html'), { contentType: 'text/html; charset=utf-8', cacheControl: 'no-cache' })
  t.same(changingHeaders('ciab/channels/stable.json'), { contentType: 'application/json', cacheControl: 'no-cache' })
  t.equal(mediaTypeOf('no ending'), 'application/octet-stream')
  t.end()
})
