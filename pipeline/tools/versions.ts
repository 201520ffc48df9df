/** Asks the tools for their versions: they are inputs of the stages that use them, and go into the manifest. */
import type { Command, Run } from './command.js'
import { quietPacker } from './packer.js'

const questions = {
  packer: ['packer', 'version'],
  qemu: ['qemu-system-x86_64', '--version'],
  'qemu-img': ['qemu-img', '--version'],
  mmdebstrap: ['mmdebstrap', '--version'],
  tar2sqfs: ['tar2sqfs', '--version'],
  e2fsprogs: ['mke2fs', '-V'],
  zstd: ['zstd', '--version'],
} as const satisfies Readonly<Record<string, Command>>

export type VersionedTool = keyof typeof questions
export type ToolVersions = Readonly<Record<VersionedTool, string>>

/** Versions of all tools a build runs, asked side by side. Errors: `tool-missing` (exit 3). */
export async function askVersions(run: Run): Promise<ToolVersions> {
  const entries = await Promise.all(
    Object.entries(questions).map(async ([tool, command]) => {
      const { stdout, stderr } = await run(command, { env: quietPacker, reason: 'build an appliance' })
      return [tool, firstVersion(`${stdout}\n${stderr}`)] as const
    })
  )
  return Object.fromEntries(entries) as ToolVersions
}

/** The first dotted number in a program's own words, with the distribution's suffix where it is named. */
export function firstVersion(text: string): string {
  const distribution = /\(Debian ([^)]+)\)/.exec(text)?.[1]
  return distribution ?? /\d+(?:\.\d+)+\S*/.exec(text)?.[0]?.replace(/[,;)]$/, '') ?? 'unknown'
}
