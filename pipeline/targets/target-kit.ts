/** Puts a host kit's scripts together: what ships beside the disk, for a machine that has no pipeline. */
import type { TargetDeps } from './types.js'

/**
 * The parts, rendered and in order, as one text: the person who downloads an image gets few files, each subject is
 * still a file of its own under templates/. Errors: those of the render.
 */
export async function assembleScript(
  parts: readonly string[],
  data: object,
  render: TargetDeps['render']
): Promise<string> {
  const texts = await Promise.all(parts.map(part => render(part, data)))
  return texts.join('')
}
