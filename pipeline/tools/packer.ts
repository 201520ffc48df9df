/** Packer: command lines and the settings every Packer run of ours shares. */
import type { Command } from './command.js'

/** Checks a template without building; part of every build, so a template error never costs a VM boot. */
export function packerValidate(template: string): Command {
  return ['packer', 'validate', template]
}

/** Machine-readable off: the plain log is what a person reads when a stage failed. */
export function packerBuild(template: string): Command {
  return ['packer', 'build', '-color=false', '-force', template]
}

/** Packer otherwise asks its maker's server for news at each start, be it only for its version. */
export const quietPacker = { CHECKPOINT_DISABLE: '1' } as const

/**
 * Environment of a Packer run.
 * TMPDIR: Packer talks to its plugins by sockets there, whose paths the kernel keeps below 108 characters; so the
 * folder is named from Packer's own working folder, which must be `directory`.
 * PACKER_CONFIG_DIR: keeps the user's own ~/.packer.d plugins and configuration out of the build.
 */
export function packerEnvironment(directory: string): Readonly<Record<string, string>> {
  return {
    ...quietPacker,
    PACKER_CONFIG_DIR: directory,
    PACKER_CACHE_DIR: `${directory}/packer-cache`,
    TMPDIR: '.',
  }
}
