/** What targets share about the files they wrote: each planned one with its size, as the stage wants them listed. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spec } from '../spec/types.js'
import type { Artifact, ArtifactPlan, PlanInput } from './types.js'

/** The planned files as they lie in the folder. Errors: ENOENT for one that was not written. */
export async function describeArtifacts(
  directory: string,
  planned: readonly ArtifactPlan[]
): Promise<readonly Artifact[]> {
  return await Promise.all(
    planned.map(async ({ name, mediaType, packedIn }) => {
      const { size, mode } = await stat(join(directory, name))
      const executable = (mode & 0o100) !== 0
      return { name, mediaType, bytes: size, executable, ...(packedIn === undefined ? {} : { packedIn }) }
    })
  )
}

/** The part of the used bytes that a compressed file is planned with; @param usual of a system disk. */
export function packedShare({ packedShare: measured = 0 }: Pick<PlanInput, 'packedShare'>, usual: number): number {
  return Math.max(usual, measured)
}

/** Of a qcow2; a plan that is to be pasted offers qemu-img for these files. */
export const qcow2MediaType = 'application/x-qemu-disk'

export interface Release {
  readonly spec: Spec
  readonly version: string
}

/** What names need of a release. */
export interface NamedRelease {
  readonly spec: Pick<Spec, 'name'>
  readonly version: string
}

/** Base of all file names: `ciab-0.1.0+20260101.0123abcd`. */
export function fullNameOf({ spec, version }: NamedRelease): string {
  return `${spec.name}-${version}`
}

/** What every template of a target may name. */
export function applianceData({ spec, version }: Release) {
  return {
    name: spec.name,
    title: spec.title,
    version,
    fullName: fullNameOf({ spec, version }),
    hardware: spec.hardware,
    nested: spec.nestedVirt === 'required',
    fallbackAddress: spec.network.fallbackAddress,
    fallbackGateway: spec.network.fallbackGateway,
    fallbackHost: spec.network.fallbackAddress.replace(/\/.*/, ''),
    readySeconds: spec.timeouts.readySeconds,
  }
}
