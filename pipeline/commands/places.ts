/** Where things lie: the program's own folders, and those a user may choose. */
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PlaceOptions } from './options.js'

/** The package's root: pipeline/commands/ in the source tree and dist/commands/ when compiled are equally deep. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

export interface Places {
  /** Holds kickstarts/. */
  readonly root: string
  readonly templates: string
  readonly artifacts: string
  /** Stage store, locks, leases, logs, what is known of mirrors. */
  readonly state: string
}

/** All absolute. Relative options are relative to the current folder. */
export function placesOf(options: PlaceOptions): Places {
  const root = resolve(options.root ?? packageRoot)
  return {
    root,
    templates: join(packageRoot, 'templates'),
    artifacts: resolve(options.artifacts ?? join(root, 'artifacts')),
    state: resolve(options.store ?? join(root, '.pipeline')),
  }
}
