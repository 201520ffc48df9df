/** The %post of parts/boot.ks on a played machine: its own shell and sed, with grub2-mkconfig, yum and block devices of this test. */
import t from 'tap'
import type { Test } from 'tap'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { KickstartSection } from '../../pipeline/kickstart/types.js'
import { renderRoles } from '../../pipeline/render/el.js'
import { loadAppliance } from '../../pipeline/spec/load.js'
import { realRun } from '../fixtures/sealed-disk.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const roles = await renderRoles(await loadAppliance({ root, name: 'eucalyptus', set: [], knownTargets: ['kvm'] }))
const tree = parseKickstart(roles.find(({ name }) => name === 'ciab')?.kickstart ?? '', { file: 'ciab.ks', readInclude: () => '' })
const post = tree.nodes.find(node => node.kind === 'section' && node.words.includes('--log=/root/evc-boot.log')) as KickstartSection

interface Machine {
  /** Where Anaconda mounted the partition of the ESP. */
  readonly espAt: '/boot/esp' | '/boot/efi'
  /** What grub2-mkconfig of EL7 calls the commands under the firmware of the installer. */
  readonly suffix: '16' | 'efi'
}

/** Runs the script with this machine's /boot, /etc/fstab, /etc/default and /sys/class/block behind folders of the test. */
async function run(t: Test, { espAt, suffix }: Machine) {
  const folder = t.testdir({
    boot: { efi: { EFI: { centos: { 'grubx64.efi': 'the loader' } } }, esp: {}, grub2: {} },
    sys: { vda3: { partition: '3\n' } }, default: { grub: 'GRUB_TIMEOUT=1\n' }, bin: {}, local: {},
    fstab: `UUID=1 / ext4 defaults 1 1\nUUID=A-B ${espAt} vfat defaults,uid=0 0 2\nUUID=2 swap swap defaults 0 0\n`,
    menu: `menuentry 'CentOS' {\n\tset gfxpayload=keep\n\tlinux${suffix} /boot/vmlinuz root=UUID=1 ro\n\tinitrd${suffix} /boot/initramfs.img\n}\n`,
  })
  const programs: Readonly<Record<string, string>> = {
    'bin/parted': `echo "parted $*" >>${folder}/said`,
    'bin/mount': `echo "mount $*" >>${folder}/said`,
    'bin/umount': `echo "umount $*" >>${folder}/said`,
    'bin/findmnt': `[ "$*" = '-no SOURCE ${espAt}' ] && echo /dev/vda3`,
    'bin/mountpoint': `[ "$2" = ${espAt} ]`,
    'bin/lsblk': 'echo vda',
    'bin/grub2-mkconfig': `cat ${folder}/menu >"$2"`,
    'local/evc-install-packages': `echo "packages $*" >>${folder}/said`,
  }
  mkdirSync(join(folder, 'bin'), { recursive: true })
  for (const [path, text] of Object.entries(programs)) {
    writeFileSync(join(folder, path), `#!/bin/sh\n${text}\n`)
    chmodSync(join(folder, path), 0o755)
  }
  const covered = { boot: '/boot', fstab: '/etc/fstab', default: '/etc/default', sys: '/sys/class/block', local: '/usr/local/sbin' }
  const binds = Object.entries(covered).map(([from, to]) => `mount --bind '${folder}/${from}' ${to}`)
  const rights = process.getuid?.() === 0 ? [] : ['--map-root-user']
  // sed replaces the file that it edits, which a mount in its place does not let it.
  const script = post.lines.map(({ text }) => text).join('\n').replace('sed -i -E', 'edit_in_place -E')
  const edit = 'edit_in_place() { sed "$1" "$2" "$3" >/etc/default/edited && cat /etc/default/edited >"$3"; }'
  const input = `set -e\n${binds.join('\n')}\nPATH='${folder}/bin':$PATH\n${edit}\n${script}`
  await realRun(['unshare', '--mount', ...rights, '--', 'sh'], { input })
  const read = (path: string) => readFileSync(join(folder, path), 'utf8')
  return { said: read('said').trim().split('\n'), read }
}

const packages = 'packages dosfstools grub2-pc grub2-pc-modules grub2-efi-x64 shim-x64 efibootmgr'
const machines = {
  BIOS: [{ espAt: '/boot/esp', suffix: '16' }, ['mount -t vfat /dev/vda3 /boot/efi', 'parted -s /dev/vda set 3 boot on', packages, 'umount /boot/efi']],
  UEFI: [{ espAt: '/boot/efi', suffix: 'efi' }, ['parted -s /dev/vda set 3 boot on', packages]],
} as const

for (const [firmware, [machine, wanted]] of Object.entries(machines)) {
  t.test(`installed under ${firmware}, the disk has a menu for each firmware and one EFI system partition`, async t => {
    const { said, read } = await run(t, machine)
    t.same(said, wanted)
    t.match(read('boot/grub2/grub.cfg'), '\tlinux16 /boot/vmlinuz root=UUID=1 ro\n\tinitrd16 /boot/initramfs.img\n')
    t.match(read('boot/efi/EFI/centos/grub.cfg'), '\tlinuxefi /boot/vmlinuz root=UUID=1 ro\n\tinitrdefi /boot/initramfs.img\n')
    t.equal(read('boot/efi/EFI/BOOT/grub.cfg'), 'configfile /EFI/centos/grub.cfg\n')
    t.equal(read('boot/efi/EFI/BOOT/BOOTX64.EFI'), 'the loader')
    t.equal(read('fstab'), 'UUID=1 / ext4 defaults 1 1\nUUID=A-B /boot/efi vfat umask=0077,shortname=winnt,nofail 0 0\nUUID=2 swap swap defaults 0 0\n')
    t.match(read('default/grub'), 'GRUB_TERMINAL="serial console"')
  })
}
