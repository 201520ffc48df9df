/** verify-static: what no VM can show is looked up on the golden disk, and the report says so. */
import t from 'tap'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { staticCheck } from '../../pipeline/stages/verify-static.js'
import type { Run } from '../../pipeline/tools/command.js'
import kvm from '../../pipeline/targets/kvm.js'
import { kernelRelease, makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'

const disk = { device: "Xen's disk", alias: 'xen:vbd', driver: 'xen_blkfront', place: 'initramfs' } as const
const network = { device: "Xen's network card", alias: 'xen:vif', driver: 'xen_netfront', place: 'disk' } as const
const target = (...devices: readonly (typeof disk | typeof network)[]) => ({ name: 'xen', guest: { ...kvm.guest, devices } })
const contextOf = (run: Run) => ({ run, signal: new AbortController().signal, progress: () => {} })
const name = 'drivers for hardware that QEMU lacks'

t.test('reads the disk once, and says that nothing was booted', async t => {
  const directory = t.testdir()
  const golden = { path: await makeSealedDisk(directory), format: 'raw' } as const
  let programs = 0
  const check = staticCheck(golden, contextOf((...command) => (programs++, realRun(...command))), join(directory, 'scratch'))
  t.strictSame(await check(target()), [])
  t.equal(programs, 0, 'a target without such hardware reads nothing')
  const [found] = await check(target(disk))
  t.match(found, { target: 'xen', name, status: 'passed' })
  t.equal(found?.detail, `checked statically, by module alias: xen_blkfront answers Xen's disk in the initramfs (kernel ${kernelRelease})`)
  const before = programs
  const [missing] = await check(target(disk, network))
  t.equal(programs, before)
  t.match(missing, { name, status: 'failed' })
  t.equal(
    missing?.detail,
    `The image lacks drivers.\nXen's network card (xen:vif): no module answers it on the disk of ${kernelRelease}, wanted xen_netfront`
  )
  t.notOk(existsSync(join(directory, 'scratch')))
})

t.test('without the golden disk it is skipped, and says why', async t => {
  const check = staticCheck(undefined, contextOf(realRun), t.testdir())
  t.strictSame(await check(target(disk)), [
    { target: 'xen', name, status: 'skipped', detail: 'the golden disk is not on this host', durationMs: 0, pending: true },
  ])
})
