/** Target raw: the common contract. */
import raw from '../../pipeline/targets/raw.js'
import { testTarget } from '../fixtures/target-contract.js'

await testTarget(raw)
