/** What a command that changed the tree ends with: whatever else lies there stays readable, and people see the change. */
import { keepPublicUrl, renewIndex, renewOthers } from './published-tree.js'
import type { Tree } from './published-tree.js'
import { writeViews } from './views.js'

/** Returns the tree's address for people. Errors: those of changeDocument and writeViews. @param publicUrl address of the tree where its index names none */
export async function finishChange(tree: Tree, appliance: string, publicUrl: string): Promise<string> {
  await keepPublicUrl(tree, appliance)
  await renewOthers(tree, appliance)
  await renewIndex(tree, appliance)
  return await writeViews(tree, appliance, publicUrl)
}
