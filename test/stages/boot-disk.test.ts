/** The disk of an exported file as a boot opens it: QEMU reads the golden content through every packing. */
import t from 'tap'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openBootDisk } from '../../pipeline/stages/boot-disk.js'
import ova from '../../pipeline/targets/ova.js'
import raw from '../../pipeline/targets/raw.js'
import vmware from '../../pipeline/targets/vmware.js'
import { compareCommand, overlayCommand } from '../../pipeline/tools/qemu-img.js'
import { exportTarget, options, realDeps, spec, version, writeGoldenDisk } from '../fixtures/target-contract.js'

for (const target of [raw, ova, vmware]) {
  t.test(`${target.name}: an overlay of it shows the golden disk`, async t => {
    const base = t.testdir({ release: {}, boot: {}, golden: {} })
    const [release, directory] = [join(base, 'release'), join(base, 'boot')]
    const goldenDisk = writeGoldenDisk(join(base, 'golden'))
    await exportTarget(target, { goldenDisk, directory: release })
    const [plan] = target.boots?.({ spec, version, options, usedBytes: 0 }) ?? []
    if (!plan) return t.fail('plans no boot')
    const disk = await openBootDisk({ plan, release, directory }, realDeps.run)
    t.equal(disk.format, plan.diskFormat)
    mkdirSync(join(base, 'overlays'))
    const overlay = { path: join(base, 'overlays/overlay.qcow2'), format: 'qcow2' }
    await realDeps.run(overlayCommand({ base: disk, path: overlay.path }))
    t.equal((await realDeps.run(compareCommand(goldenDisk, overlay))).exitCode, 0)
  })
}
