/** Puts a host kit's scripts together: what ships beside the disk, for a machine that has no pipeline. */
import type { TargetDeps } from './types.js'

/** Folder of the templates that the scripts of several targets are put together from. */
export const kitTemplates = 'kit'

/** Parts of a start script: its head with what is known of this copy, what all share, then what its hypervisor needs. */
export function startScript(target: string, name: string, more: readonly ('states' | 'ports' | 'ready' | 'undo')[] = []): readonly string[] {
  const shared = ['head.sh.hbs', 'words.sh', ...more.map(part => `${part}.sh`)]
  return [...shared.map(part => `${kitTemplates}/${part}`), `${target}/${name}.hbs`]
}

/** The same of PowerShell, whose parameters must come first. */
export function powerShellScript(target: string, name: string): readonly string[] {
  return [`${target}/${name}-head.ps1.hbs`, `${kitTemplates}/ready.ps1`, `${target}/${name}.ps1.hbs`]
}

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
