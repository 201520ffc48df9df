/** Target raw: the common contract. */
import raw from '../../pipeline/targets/raw.js'
import { testOddTitle, testSpoiledFiles, testTarget } from '../fixtures/target-contract.js'

await testTarget(raw)
await testSpoiledFiles(raw)
await testOddTitle(raw)
