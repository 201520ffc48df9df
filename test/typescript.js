// Makes Node read the tests' TypeScript, in the main thread and in those that it starts: `--import=tsx` does not reach these.
import { register } from 'tsx/esm/api'

register()
