/** How a release came to be: an in-toto statement with SLSA's provenance predicate, version 1. Pure. */
// https://slsa.dev/spec/v1.0/provenance, https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
import type { Json } from '../tools/json.js'
import type { Manifest, PackageSource } from '../stages/release-folder.js'
import type { InstalledPackage } from './dpkg.js'
import { purlOf } from './sbom.js'

export interface StageFact {
  readonly name: string
  readonly key: string
  /** What went in, with hashes, as the stage store has it. */
  readonly inputs: Json
  readonly seconds: number
  /** ISO 8601. */
  readonly created: string
}

export interface ProvenanceFacts {
  readonly manifest: Manifest
  /** Of the image, as the bill of materials names them. */
  readonly packages: readonly InstalledPackage[]
  /** Of the stages whose records are still in the store, in their order; empty on another host than the builder. */
  readonly stages: readonly StageFact[]
  readonly toolVersion: string
}

const buildType = 'https://appliance-pipeline.invalid/build/v1'

export function provenanceText({ manifest, packages, stages, toolVersion }: ProvenanceFacts): string {
  const files = Object.values(manifest.targets).flatMap(target => target.files)
  const created = stages.map(stage => stage.created).sort()
  const statement = {
    _type: 'https://in-toto.io/Statement/v1',
    subject: files.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } })),
    predicateType: 'https://slsa.dev/provenance/v1',
    predicate: {
      buildDefinition: {
        buildType,
        externalParameters: {
          appliance: manifest.appliance, version: manifest.version, architecture: manifest.architecture,
          targets: Object.keys(manifest.targets).sort(),
        },
        internalParameters: {
          specHash: manifest.specHash, goldenKey: manifest.goldenKey, tools: manifest.tools,
          targetKeys: Object.fromEntries(Object.entries(manifest.targets).map(([name, { key }]) => [name, key])),
          stages: Object.fromEntries(stages.map(({ name, key, inputs }) => [name, { key, inputs }])),
        },
        resolvedDependencies: [
          { name: 'spec', digest: { sha256: manifest.specHash } },
          ...manifest.packageSources.map(indexDependency),
          ...packages.map(each => ({ name: each.name, uri: purlOf(each, manifest) })),
        ],
      },
      runDetails: {
        builder: { id: 'https://appliance-pipeline.invalid/builder', version: { 'appliance-pipeline': toolVersion, ...manifest.tools } },
        metadata: { invocationId: manifest.goldenKey, ...(created.length > 0 ? { finishedOn: created.at(-1) } : {}) },
      },
    },
  }
  return `${JSON.stringify(statement, null, 2)}\n`
}

/** The digest is that of the signed index, which holds those of its packages. */
function indexDependency({ url, suite, date, sha256 }: PackageSource): Json {
  return {
    name: `packages ${suite}`,
    ...(url === undefined ? {} : { uri: url }),
    ...(sha256 === undefined ? {} : { digest: { sha256 } }),
    annotations: { indexDate: date },
  }
}
