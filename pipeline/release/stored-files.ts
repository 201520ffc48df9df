/** Whether everything that a release's document names lies in the tree: nobody is led to a release that lacks a file. */
import { releaseDamaged } from '../errors/publish.js'
import type { ReleaseDocument } from './documents.js'
import type { Tree } from './published-tree.js'
import { treeKeys } from './tree.js'

/** One list. Errors: `release-damaged` (exit 6), those of Bucket. */
export async function requireStored({ bucket, prefix }: Pick<Tree, 'bucket' | 'prefix'>, { appliance, version, files }: ReleaseDocument): Promise<void> {
  const folder = treeKeys.release(appliance, version)
  const sizes = new Map((await bucket.list(`${prefix}${folder}`)).map(({ key, sizeBytes }) => [key, sizeBytes]))
  const problems = files.flatMap(({ path, sizeBytes }) => {
    const found = sizes.get(`${prefix}${folder}${path}`)
    return found === sizeBytes ? [] : [found === undefined ? `${path}: is gone` : `${path}: has ${found} bytes, not ${sizeBytes}`]
  })
  if (problems.length > 0) throw releaseDamaged(folder, version, problems)
}
