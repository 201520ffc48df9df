/** GRUB for both firmwares. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

const config = 'system/etc/default/grub.d/pipeline.cfg'

t.test('passes kernel arguments on and speaks on the serial line they name', async t => {
  const install = compile(
    `bootloader --append="console=tty0 console=ttyS1,115200n8 quote='x'" --timeout=1\n${leastKickstart}`
  )
  t.equal(install.kernelArguments, "console=tty0 console=ttyS1,115200n8 quote='x'")
  t.same(install.files[config]?.split('\n').slice(1), [
    "GRUB_DISTRIBUTOR='Debian'",
    'GRUB_TIMEOUT=1',
    "GRUB_CMDLINE_LINUX_DEFAULT=''",
    "GRUB_CMDLINE_LINUX='console=tty0 console=ttyS1,115200n8 quote='\\''x'\\'''",
    "GRUB_TERMINAL='console serial'",
    "GRUB_SERIAL_COMMAND='serial --unit=1 --speed=115200'",
    'GRUB_DISABLE_OS_PROBER=true',
    '',
  ])
})

t.test('without a command GRUB is installed all the same, as Anaconda does', async t => {
  const install = compile(leastKickstart)
  t.match(install.files[config], /GRUB_TIMEOUT=5/)
  t.notMatch(install.files[config], /GRUB_TERMINAL/)
  const root = install.layout.partitions.find(part => part.mountPoint === '/')?.fileSystemUuid
  t.same(stepLines(install, 'install the boot loader').slice(3), [
    'in_target grub-install --target=i386-pc "$disk"',
    'in_target grub-install --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram --no-uefi-secure-boot',
    'in_target update-grub',
    `require_root_by_uuid ${root}`,
  ])
})

t.test('installs for the firmwares that the disk has a place for', async t => {
  const bios = compile('part biosboot --size=1\npart / --size=1000\n')
  t.notMatch(bios.files['install.sh'], /x86_64-efi/)
  t.notOk(bios.packages.include.includes('grub-efi-amd64-bin'))
  const uefi = compile('part /efi --fstype=efi --size=64\npart / --size=1000\n')
  t.notMatch(uefi.files['install.sh'], /i386-pc/)
  t.match(uefi.files['install.sh'], /--efi-directory=\/efi /)
  t.notOk(uefi.packages.include.includes('grub-pc-bin'))
})

t.test('--location=none leaves the boot loader out', async t => {
  const install = compile('bootloader --location=none\npart / --size=1000\n')
  t.notMatch(install.files['install.sh'], /in_target grub-install/)
  t.notOk(install.packages.include.includes('grub2-common'))
})

t.test('refuses a disk that no firmware can boot', async t => {
  t.equal(
    compileFailure('part / --size=1000\n'),
    'error: box/box.ks:1: the boot loader has no place: there is neither a BIOS boot partition nor an EFI system partition. (Add reqpart, or write bootloader --location=none.)'
  )
})

t.test('refuses a time below zero and a place it cannot use', async t => {
  t.equal(
    compileFailure(`bootloader --timeout=-1\n${leastKickstart}`),
    'error: box/box.ks:1: --timeout=-1 is no time. (Write the seconds, 0 or more.)'
  )
  t.equal(
    compileFailure(`bootloader --location=partition\n${leastKickstart}`),
    'error: box/box.ks:1: --location=partition is not one of its values. (Values: mbr, none.)'
  )
})
