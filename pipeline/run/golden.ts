/** What a store still holds of a release that was built with it. */
import { join } from 'node:path'
import { diskName } from '../stages/builder-vm.js'
import { mediaResult } from '../stages/media.js'
import type { DiskFile } from '../targets/types.js'
import { hostKernel } from './host.js'
import type { Store } from './store.js'

/** The disk that passed the audit of this key; undefined when the audit or the disk is not stored any more. */
export async function goldenDiskOf(store: Store, goldenKey: string): Promise<DiskFile | undefined> {
  const audit = (await store.history('audit')).find(record => record.key === goldenKey)
  const key = (audit?.inputs as { readonly provision?: string } | undefined)?.provision
  const provision = (await store.history('provision')).find(record => record.key === key)
  const found = provision && (await store.lookup('provision', provision.inputs))
  return found && { path: join(found.directory, diskName), format: 'raw' }
}

/** A kernel to try KVM with: that of the newest media, else one of this host. */
export async function storedKernel(store: Store, state: string): Promise<string | undefined> {
  const [newest] = await store.history('media')
  const found = newest && (await store.lookup('media', newest.inputs))
  return found ? mediaResult(found.directory).kernel : await hostKernel(state)
}
