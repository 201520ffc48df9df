/** The version of a build: readable, and equal for equal inputs. */

/**
 * `<spec version>+<YYYYMMDD>.<8 digits of the key>`: semantic version with build metadata.
 * `date` is that of the newest package index that changed the package set, not of this run.
 */
export function buildVersion(input: {
  readonly specVersion: string
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number
  /** Of all that the release's files are made of, hex. */
  readonly key: string
}): string {
  const day = new Date(input.sourceDateEpoch * 1000).toISOString().slice(0, 10).replaceAll('-', '')
  return `${input.specVersion}+${day}.${input.key.slice(0, 8)}`
}
