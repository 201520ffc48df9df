// Makes Node read the tests' TypeScript, in the main thread and in those that it starts: `--import=tsx` does not reach these.
import { register } from 'node:module'
import { register as registerTsx } from 'tsx/esm/api'

registerTsx()
// tap has registered its hook for `mockImport` before, and the last one is asked first.
register('./mocked-first.js', import.meta.url)
