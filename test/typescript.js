// Makes Node read the tests' TypeScript, in the main thread and in those that it starts: `--import=tsx` does not reach these.
import { register } from 'tsx/esm/api'

register()
// tap's hook for `mockImport` must come before tsx's, which maps names to the source's; tap has put its own behind.
await import(`${import.meta.resolve('@tapjs/mock/import')}?before-tsx`)
