import t from 'tap'
import { packagesOfManifest } from '../../pipeline/release/image-packages.js'
import { provenanceText } from '../../pipeline/release/provenance.js'
import type { StageFact } from '../../pipeline/release/provenance.js'
import { defaultExportOptions } from '../../pipeline/targets/index.js'
import { sampleManifest } from '../fixtures/release.js'

const files = [{ path: 'kvm/disk.qcow2', sizeBytes: 3, sha256: 'd'.repeat(64) }]
const manifest = { ...sampleManifest('1.0+1'), targets: { kvm: { key: 'e'.repeat(64), options: defaultExportOptions, files } } }
const packages = packagesOfManifest(manifest).packages
const stages: readonly StageFact[] = [
  { name: 'media', key: 'f'.repeat(64), inputs: { packages: 'a' }, seconds: 9, created: '2026-01-01T00:10:00.000Z' },
  { name: 'install', key: '0'.repeat(64), inputs: { media: 'f'.repeat(64) }, seconds: 9, created: '2026-01-01T00:20:00.000Z' },
]

t.test("is an in-toto statement with SLSA's predicate over the release's files", t => {
  const statement = JSON.parse(provenanceText({ manifest, packages, stages, toolVersion: '0.1.0' })) as object
  t.match(statement, {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'kvm/disk.qcow2', digest: { sha256: 'd'.repeat(64) } }],
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        externalParameters: { appliance: 'ciab', version: '1.0+1', architecture: 'amd64', targets: ['kvm'] },
        internalParameters: {
          specHash: manifest.specHash, goldenKey: manifest.goldenKey, targetKeys: { kvm: 'e'.repeat(64) },
          stages: { media: { key: 'f'.repeat(64), inputs: { packages: 'a' } }, install: { inputs: { media: 'f'.repeat(64) } } },
        },
        resolvedDependencies: [
          { name: 'spec', digest: { sha256: manifest.specHash } },
          { name: 'packages trixie', uri: 'http://mirror.example.org/debian', digest: { sha256: '1'.repeat(64) }, annotations: { indexDate: '2026-01-01T00:00:00.000Z' } },
          { name: 'bash', uri: 'pkg:deb/debian/bash@5.2.37-2?arch=amd64&distro=trixie' }, { name: 'libc6' },
        ],
      },
      runDetails: {
        builder: { version: { 'appliance-pipeline': '0.1.0', packer: '1.6.6' } },
        metadata: { invocationId: manifest.goldenKey, finishedOn: '2026-01-01T00:20:00.000Z' },
      },
    },
  })
  t.end()
})

t.test('on another host than the builder it says nothing of stages', t => {
  const { predicate } = JSON.parse(provenanceText({ manifest, packages, stages: [], toolVersion: '0.1.0' })) as { predicate: { buildDefinition: { internalParameters: { stages: object } }; runDetails: { metadata: object } } }
  t.same(predicate.buildDefinition.internalParameters.stages, {})
  t.same(predicate.runDetails.metadata, { invocationId: manifest.goldenKey })
  t.end()
})

t.test('packages of an el image are named as those of its distribution', t => {
  const rpm = { name: 'glibc', version: '2.17-326.el7_9', architecture: 'x86_64', distribution: 'centos-7', licences: [] }
  const { predicate } = JSON.parse(provenanceText({ manifest, packages: [rpm], stages: [], toolVersion: '0.1.0' })) as { predicate: { buildDefinition: { resolvedDependencies: object[] } } }
  t.same(predicate.buildDefinition.resolvedDependencies.slice(2), [{ name: 'glibc', uri: 'pkg:rpm/centos/glibc@2.17-326.el7_9?arch=x86_64&distro=centos-7' }])
  t.end()
})
