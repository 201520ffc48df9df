/** The code that makes artifacts, as an input of their keys: who gets a pipeline with a mended writer gets mended files. */
import { fileURLToPath } from 'node:url'
import { readFolder } from '../render/files.js'
import { treeDigest } from '../stages/file-tree.js'
import { stageKey } from './key.js'

const own = new URL('../', import.meta.url)
/** Of what they use of pipeline/tools/, programs are in the keys by their versions. */
const folders = ['images', 'render', 'targets'] as const

/** Lower-case hex SHA-256 of all modules of writers and targets, compiled or not as they run. */
export async function writersDigest(program: URL = own): Promise<string> {
  const files = await Promise.all(folders.map(async folder => [folder, treeDigest(await readFolder(fileURLToPath(new URL(folder, program))))] as const))
  return stageKey(Object.fromEntries(files))
}
