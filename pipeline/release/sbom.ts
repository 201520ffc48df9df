/** The image's bill of materials: CycloneDX 1.6 JSON, by its own library. Equal inputs give equal bytes. */
import { createHash } from 'node:crypto'
import { Enums, Models, Serialize, SPDX, Spec } from '@cyclonedx/cyclonedx-library'
import type { Manifest } from '../stages/release-folder.js'
import { spdxIdOf } from './dpkg.js'
import type { InstalledPackage } from './dpkg.js'

export interface SbomFacts {
  readonly manifest: Manifest
  readonly packages: readonly InstalledPackage[]
  /** Where the list came from, one line. */
  readonly origin: string
  /** Of this pipeline. */
  readonly toolVersion: string
}

export function sbomText({ manifest, packages, origin, toolVersion }: SbomFacts): string {
  const image = new Models.Component(Enums.ComponentType.OperatingSystem, manifest.appliance, {
    version: manifest.version, description: manifest.title, bomRef: `${manifest.appliance}@${manifest.version}`,
  })
  const bom = new Models.Bom({
    metadata: new Models.Metadata({ component: image, timestamp: new Date(manifest.date), properties: new Models.PropertyRepository([new Models.Property('pipeline:packages', origin)]) }),
    serialNumber: `urn:uuid:${uuidOf(`${manifest.appliance} ${manifest.version} ${manifest.goldenKey}`)}`,
  })
  bom.metadata.tools.components.add(new Models.Component(Enums.ComponentType.Application, 'appliance-pipeline', { version: toolVersion }))
  for (const each of packages) {
    const component = componentOf(each, manifest)
    bom.components.add(component)
    image.dependencies.add(component.bomRef)
  }
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6))
  return `${serializer.serialize(bom, { sortLists: true, space: 2 })}\n`
}

function componentOf(found: InstalledPackage, manifest: Manifest): Models.Component {
  const purl = purlOf(found, manifest)
  const component = new Models.Component(Enums.ComponentType.Library, found.name, {
    version: found.version, purl, bomRef: purl, ...(found.summary ? { description: found.summary } : {}),
  })
  for (const name of found.licences) component.licenses.add(licenceOf(name))
  if (found.homepage) component.externalReferences.add(new Models.ExternalReference(found.homepage, Enums.ExternalReferenceType.Website))
  if (found.source) component.properties.add(new Models.Property(found.distribution === undefined ? 'debian:source' : 'rpm:source', found.source))
  return component
}

function licenceOf(name: string): Models.DisjunctiveLicense {
  const id = spdxIdOf(name) ?? name
  return SPDX.isSupportedSpdxId(id) ? new Models.SpdxLicense(id) : new Models.NamedLicense(name)
}

/** https://github.com/package-url/purl-spec: the suite tells which distribution's package of this name is meant. */
export function purlOf(found: InstalledPackage, { packageSources }: Pick<Manifest, 'packageSources'>): string {
  if (found.distribution !== undefined) return rpmPurl(found, found.distribution)
  const { name, version, architecture } = found
  return purl(`deb/debian/${encodeURIComponent(name)}`, version, { arch: architecture, distro: packageSources[0]?.suite })
}

/** There an epoch is no part of the version. */
function rpmPurl({ name, version, architecture }: InstalledPackage, distribution: string): string {
  const [, epoch, rest = version] = /^(\d+):(.*)$/.exec(version) ?? []
  const [namespace = ''] = distribution.split('-')
  return purl(`rpm/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`, rest, { arch: architecture, distro: distribution, epoch })
}

function purl(path: string, version: string, facts: Readonly<Record<string, string | undefined>>): string {
  const qualifiers = Object.entries(facts).flatMap(([name, value]) => (value ? [`${name}=${encodeURIComponent(value)}`] : []))
  return `pkg:${path}@${encodeURIComponent(version).replaceAll('%3A', ':')}${qualifiers.length > 0 ? `?${qualifiers.join('&')}` : ''}`
}

/** A UUID (version 8: of our own making) from a text, so that a second signing of the same release gives the same file. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
