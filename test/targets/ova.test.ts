/** Target ova: the common contract. */
import ova from '../../pipeline/targets/ova.js'
import { testTarget } from '../fixtures/target-contract.js'

await testTarget(ova)
