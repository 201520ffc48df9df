/** The installer of a golden disk: how the disk is cut into parts, and what the menu says. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { composeCommand, joinArchives, makeDiskInstaller, partsOf, renderMenu, volumeOf } from '../../pipeline/stages/disk-installer.js'
import type { DiskInstallerRequest } from '../../pipeline/stages/disk-installer.js'
import { readIsoTemplates } from '../../pipeline/stages/installer-iso.js'
import { failureOf } from '../fixtures/failure.js'
import { kernelRelease, makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'
import type { DiskChanges } from '../fixtures/sealed-disk.js'

const mib = 2 ** 20

t.test('parts cover the whole disk in order; a MiB with a byte of data is data', async t => {
  const extents = [{ startBytes: 0, lengthBytes: 512 }, { startBytes: 3 * mib - 1, lengthBytes: 2 }, { startBytes: 3 * mib + 5, lengthBytes: 1 }]
  t.same(partsOf(extents, 6 * mib), [
    { kind: 'data', startMib: 0, mib: 1 },
    { kind: 'zero', startMib: 1, mib: 1 },
    { kind: 'data', startMib: 2, mib: 2 },
    { kind: 'zero', startMib: 4, mib: 2 },
  ])
})

t.test('long parts are told in pieces, so that whoever waits sees it go on', async t => {
  t.same(partsOf([{ startBytes: 0, lengthBytes: 600 * mib }], 1200 * mib), [
    { kind: 'data', startMib: 0, mib: 512 },
    { kind: 'data', startMib: 512, mib: 88 },
    { kind: 'zero', startMib: 600, mib: 512 },
    { kind: 'zero', startMib: 1112, mib: 88 },
  ])
})

t.test('an empty disk is zeros', async t => {
  t.same(partsOf([], mib), [{ kind: 'zero', startMib: 0, mib: 1 }])
})

t.test('the menu installs by itself only when it was asked to', async t => {
  const { disk } = await readIsoTemplates(fileURLToPath(new URL('../../templates', import.meta.url)))
  const spec = { name: 'ciab', title: 'Cloud in a box' }
  const menu = (unattended: boolean) => renderMenu({ spec, version: '1.0.0', unattended, diskRule: 'smallest', countdownSeconds: 30 }, disk)
  t.match(menu(true), /^set default="install"$/m)
  t.match(menu(false), /^set default="local"$/m)
  t.match(menu(true), /^if \[ "\$grub_platform" = "efi" \]; then\n {2}insmod all_video\n {2}set gfxpayload=keep\nfi$/m, 'a screen that was seen dark')
  t.match(menu(false), /\n {14}set root="\$disk,\$partition"\n {14}chainloader "\/EFI\/\$loader"\n/, 'a loader that is told its own disk, for by UEFI exit leads to the set-up')
  t.match(menu(true), 'menuentry "Install Cloud in a box 1.0.0: erases the disk" --id install {')
  t.match(menu(true), /^ {2}linux \/evc\/vmlinuz evc\.medium=INSTALL_CIAB evc\.disk=smallest evc\.countdown=30 .*console=ttyS0,115200n8 console=tty0$/m)
})

t.test('the medium has a label that ISO 9660 allows', async t => {
  t.equal(volumeOf({ name: `my-appliance.${'x'.repeat(40)}` }), `INSTALL_MY_APPLIANCE_${'X'.repeat(11)}`)
  t.same(composeCommand('/tree', { iso: '/a.iso', volume: 'V' }), ['grub-mkrescue', '--output=/a.iso', '/tree', '--', '-volid', 'V'])
})

t.test("the installer's archive begins where the kernel takes it, however long the appliance's own is", async t => {
  const plain = Buffer.from('070701')
  for (const length of [0, 4, 5, 6, 7]) {
    const joined = joinArchives(Buffer.alloc(length, 'x'), plain)
    t.same([joined.indexOf(plain) % 4, joined.length, joined.subarray(length, -plain.length).every(byte => byte === 0)], [0, Math.ceil(length / 4) * 4 + 6, true], `${length}`)
  }
})

async function install(folder: string, changes: DiskChanges, more: Partial<DiskInstallerRequest> = {}) {
  const disk = await makeSealedDisk(folder, changes)
  const output = join(folder, 'out.iso')
  const templates = await readIsoTemplates(fileURLToPath(new URL('../../templates', import.meta.url)))
  const request = {
    spec: { name: 'ciab', title: 'Cloud in a box' }, version: '1.0.0', disk, output, unattended: true, diskRule: 'only', countdownSeconds: 30, ...more,
  }
  const go = () => makeDiskInstaller(request, { ...templates.disk, chooseDisk: templates.chooseDisk }, { run: realRun, progress: () => {} })
  return { go, disk, output }
}

const kernel = { files: { [`/boot/vmlinuz-${kernelRelease}`]: 'a kernel' } }

t.test('the medium boots by BIOS and UEFI, its checksum is in it, and it holds the disk byte by byte', async t => {
  const folder = t.testdir()
  const { go, disk, output } = await install(folder, kernel)
  await go()
  await realRun(['checkisomd5', output])
  const { stdout } = await realRun(['xorriso', '-indev', output, '-report_el_torito', 'plain', '-report_system_area', 'plain'])
  t.match(stdout, /^El Torito boot img :\s+1\s+BIOS/m)
  t.match(stdout, /^El Torito boot img :\s+2\s+UEFI/m)
  t.match(stdout, /^System area summary: MBR .*GPT/m, 'a stick boots it, too')
  const out = join(folder, 'extracted')
  await realRun(['xorriso', '-osirrox', 'on', '-indev', output, '-extract', '/evc', out])
  await realRun(['sh', '-c', `cd '${out}' && sha256sum --check --quiet disk.gz.sha256`])
  const data = gunzipSync(readFileSync(join(out, 'disk.gz')))
  let taken = 0
  const whole = createHash('sha256')
  for (const line of readFileSync(join(out, 'parts'), 'utf8').trim().split('\n')) {
    const [kind, , length] = line.split(' ')
    const bytes = Number(length) * mib
    whole.update(kind === 'data' ? data.subarray(taken, taken + bytes) : Buffer.alloc(bytes))
    if (kind === 'data') taken += bytes
  }
  t.equal(whole.digest('hex'), createHash('sha256').update(readFileSync(disk)).digest('hex'))
  const archives = readFileSync(join(out, 'initrd.img')).toString('latin1')
  t.match(archives, 'installer/choose-disk.sh')
  t.equal(readFileSync(join(out, 'vmlinuz'), 'utf8'), 'a kernel')
})

t.test('a disk without a kernel, and a medium that is too small, leave nothing', async t => {
  const folder = t.testdir()
  const bare = await install(folder, {})
  t.equal(
    formatError(await failureOf(bare.go())),
    `error: The disk ${bare.disk} has no /boot/vmlinuz-* or no /boot/initrd.img-* to start an installer with. (take a disk that passed the audit: pipeline build APPLIANCE --until audit)`
  )
  const large = { files: { [`/boot/vmlinuz-${kernelRelease}`]: randomBytes(2 * mib).toString('hex') } }
  const small = await install(folder, large, { limitMib: 1 })
  t.match(formatError(await failureOf(small.go())), /^error: The installer will have at least \d+ MiB, and the medium holds 1 MiB\. /)
  t.notOk(existsSync(small.output))
  t.same(readdirSync(folder).filter(name => name.startsWith('.')), [])
})
