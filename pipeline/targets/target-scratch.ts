/** A folder for what a check unpacks: on the release's own disk, gone afterwards, named so that an export removes what a kill left. */
import { mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** @param directory the target's folder in the release */
export async function withScratch<Result>(directory: string, target: string, use: (scratch: string) => Promise<Result>): Promise<Result> {
  const scratch = join(dirname(directory), `.${target}-check.tmp-${process.pid}`)
  await mkdir(scratch, { recursive: true })
  try {
    return await use(scratch)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}
