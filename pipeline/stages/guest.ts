/** A booted appliance, reached in every way: what the checks of its promises are given. */
import type { Spec } from '../spec/types.js'
import type { CloudClient } from './cloud-client.js'
import type { EvcState } from './evc-line.js'
import type { Credentials } from './guest-console.js'
import type { GuestShell } from './guest-shell.js'

export interface Guest {
  readonly spec: Spec
  readonly ready: EvcState
  /** What its serial console showed up to `ready`, before a key was pressed. */
  readonly consoleLines: readonly string[]
  readonly credentials: Credentials
  /** Named strings that must be shown nowhere. */
  readonly secrets: readonly { readonly name: string; readonly value: string }[]
  readonly shell: GuestShell
  /** Undefined where the cloud is no Incus. */
  readonly cloud: CloudClient | undefined
  /** On 127.0.0.1. */
  readonly webPort: number
  readonly serialLog: string
  /** Virtual size of the artifact; the disk in this boot is larger. */
  readonly imageBytes: number
  /** The user that this artifact's first boot makes and no other's. */
  readonly account: string | undefined
  /** Public half, one line, of the key that `shell` logs in with. */
  readonly visitKey: string
  /** A step in emulation takes that much longer. */
  readonly timeoutFactor: number
}
