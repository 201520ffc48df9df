/** Target vmware: the common contract. */
import vmware from '../../pipeline/targets/vmware.js'
import { testTarget } from '../fixtures/target-contract.js'

await testTarget(vmware)
