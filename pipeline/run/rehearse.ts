/** Exports a disk of holes to every target, for nothing but its templates: what is wrong in them shows before a build. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import { createDeflatePool } from '../images/deflate-pool.js'
import type { GoldenSource } from '../images/golden-source.js'
import { runPass } from '../images/pass.js'
import { renderFile } from '../render/engine.js'
import type { Spec } from '../spec/types.js'
import type { ExportOptions, Target, TargetDeps } from '../targets/types.js'

export interface Rehearsal {
  readonly spec: Spec
  readonly targets: readonly Target[]
  readonly options: ExportOptions
  readonly templates: string
  readonly signal: AbortSignal
}

const bytesPerGib = 1024 ** 3
/** Stands in names and texts for the version, which is known only when the packages are. */
const version = '0.0.0'

/**
 * Each target with its own error or none: templates that cannot be rendered, descriptors that cannot be parsed.
 * Runs no program, so what a target makes of a program's answer (Vagrant's marker) is not reached.
 * Errors: those of the file system.
 */
export async function rehearseExports(rehearsal: Rehearsal): Promise<readonly PipelineError[]> {
  const directory = await mkdtemp(join(tmpdir(), 'pipeline-'))
  try {
    const problems: PipelineError[] = []
    for (const target of rehearsal.targets) {
      const into = join(directory, target.name)
      await mkdir(into)
      await rehearse(target, rehearsal, into).catch((error: unknown) => {
        if (error instanceof PipelineError) problems.push(error)
        else if (!wantsMore(error)) throw error
      })
    }
    return problems
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

class NoProgram extends Error {}

const noAnswer: TargetDeps['run'] = () => Promise.reject(new NoProgram())

/** Whoever needs a program's answer, or the disk itself, ends there. */
function wantsMore(error: unknown): boolean {
  return error instanceof NoProgram || (error as NodeJS.ErrnoException).code === 'ENOENT'
}

async function rehearse(target: Target, { spec, options, templates, signal }: Rehearsal, directory: string): Promise<void> {
  const deps: TargetDeps = { run: noAnswer, render: (file, data) => renderFile({ root: templates, file, data }), templates }
  const goldenDisk = { path: join(directory, 'golden.raw'), format: 'raw' } as const
  const files = await target.export({ spec, version, options, sourceDateEpoch: 0, goldenDisk, directory, signal }, deps)
  const pool = createDeflatePool()
  try {
    await runPass({ source: diskOfHoles(spec.hardware.diskGib * bytesPerGib), writers: files.writers, pool, signal })
  } finally {
    await pool.close()
  }
  await files.finish()
}

function diskOfHoles(virtualBytes: number): GoldenSource {
  const nothing = async () => {}
  return { virtualBytes, extents: [], read: nothing, requireUnchanged: nothing, close: nothing }
}
