import t from 'tap'
import { purlOf, sbomText } from '../../pipeline/release/sbom.js'
import type { InstalledPackage } from '../../pipeline/release/dpkg.js'
import { sbomProblems } from '../fixtures/cyclonedx.js'
import { sampleManifest } from '../fixtures/release.js'

const manifest = sampleManifest('1.0+1')
const packages: readonly InstalledPackage[] = [
  { name: 'zlib1g', version: '1:1.3.1-1+b1', architecture: 'amd64', summary: 'compression library', homepage: 'http://zlib.net/', source: 'zlib', licences: ['zlib', 'GPL-2+', 'Zlib or MIT'] },
  { name: 'libc6', version: '2.41-12', architecture: 'amd64', licences: [] },
]
const facts = { manifest, packages, origin: "dpkg's status", toolVersion: '0.1.0' }

interface Bom {
  readonly serialNumber: string
  readonly metadata: object
  readonly components: readonly { readonly name: string; readonly licenses?: unknown; readonly purl: string }[]
}

t.test('is valid CycloneDX 1.6 that says of each package what is known', t => {
  const text = sbomText(facts)
  t.same(sbomProblems(text), [])
  const bom = JSON.parse(text) as Bom
  t.match(bom.metadata, {
    timestamp: manifest.date, component: { type: 'operating-system', name: 'ciab', version: '1.0+1' },
    properties: [{ name: 'pipeline:packages', value: "dpkg's status" }], tools: { components: [{ name: 'appliance-pipeline', version: '0.1.0' }] },
  })
  const [libc, zlib] = bom.components
  t.match(libc, { name: 'libc6', version: '2.41-12', purl: 'pkg:deb/debian/libc6@2.41-12?arch=amd64&distro=trixie' })
  t.notHas(libc, { licenses: [] })
  t.match(zlib, {
    name: 'zlib1g', description: 'compression library', properties: [{ name: 'debian:source', value: 'zlib' }],
    externalReferences: [{ type: 'website', url: 'http://zlib.net/' }],
    licenses: [{ license: { name: 'Zlib or MIT' } }, { license: { id: 'GPL-2.0-or-later' } }, { license: { id: 'Zlib' } }],
  })
  t.end()
})

t.test('the schema would notice', t => {
  t.not(sbomProblems(sbomText(facts).replace('"type": "library"', '"type": "libary"')).length, 0)
  t.end()
})

t.test('equal inputs give equal bytes, another release another serial number', t => {
  t.equal(sbomText(facts), sbomText({ ...facts, packages: [...packages].reverse() }))
  const serialOf = (text: string) => (JSON.parse(text) as Bom).serialNumber
  t.match(serialOf(sbomText(facts)), /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.not(serialOf(sbomText(facts)), serialOf(sbomText({ ...facts, manifest: sampleManifest('1.0+2') })))
  t.end()
})

t.test('a package address escapes what a URL would read otherwise', t => {
  const packageOf = (name: string, version: string) => ({ name, version, architecture: '', licences: [] })
  t.equal(purlOf(packageOf('g++', '4:14.2+1~a'), { packageSources: [] }), 'pkg:deb/debian/g%2B%2B@4:14.2%2B1~a')
  t.equal(purlOf({ ...packageOf('glibc', '2:2.17-326.el7_9'), architecture: 'x86_64', distribution: 'centos-7' }, { packageSources: [] }),
    'pkg:rpm/centos/glibc@2.17-326.el7_9?arch=x86_64&distro=centos-7&epoch=2')
  t.end()
})
