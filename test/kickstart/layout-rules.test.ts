/** Partitions that cannot be, alone or together. */
import t from 'tap'
import { compileFailure } from '../fixtures/kickstart.js'

const wrong: Readonly<Record<string, readonly [text: string, error: string]>> = {
  'two root partitions': [
    'reqpart\npart / --fstype=ext4 --size=1000\npartition / --fstype=ext4 --size=2000 --grow\n',
    'error: box/box.ks:3: this is a second root partition; the first is at box/box.ks:2. (Keep one part /.)',
  ],
  'two partitions for one place': [
    'reqpart --add-boot\npart / --size=1000\npart /boot --size=500\n',
    'error: box/box.ks:3: this is a second partition for /boot; the first is at box/box.ks:1. (Keep one part /boot.)',
  ],
  'two EFI system partitions': [
    'reqpart\npart /boot/efi --fstype=efi --size=64\npart / --size=1000\n',
    'error: box/box.ks:2: this is a second EFI system partition; the first is at box/box.ks:1. (Keep one; reqpart and autopart make one themselves.)',
  ],
  'two growing partitions': [
    'reqpart\npart / --grow\npart /srv --grow\n',
    'error: box/box.ks:3: this is a second partition with --grow; the first is at box/box.ks:2. (Let one partition take the space that is left.)',
  ],
  'a disk without root': [
    'reqpart\npart /srv --size=10\n',
    'error: box/box.ks:2: there is no root partition. (Add part / --fstype=ext4 --size=2048 --grow.)',
  ],
  'a partition without a size': [
    'reqpart\npart /\n',
    'error: box/box.ks:2: part / has no size. (Add --size=MIB, or --grow for all the space that is left.)',
  ],
  'a size below one': [
    'reqpart\npart / --size=0\n',
    'error: box/box.ks:2: --size=0 is no size. (Write the size in MiB, 1 or more.)',
  ],
  'a file system that a mount point cannot have': [
    'reqpart\npart / --size=10 --fstype=swap\n',
    'error: box/box.ks:2: part / cannot be of --fstype=swap. (swap and biosboot are both mount point and --fstype; every other mount point needs a file system.)',
  ],
  'another file system on /boot/efi, which no firmware would boot from': [
    'part biosboot --fstype=biosboot --size=1\npart /boot/efi --fstype=vfat --size=64\npart / --size=10\n',
    'error: box/box.ks:2: part /boot/efi of --fstype=vfat is no EFI system partition: no firmware boots from it. (Write --fstype=efi, or leave it out.)',
  ],
  'a label that is too long': [
    'reqpart\npart / --size=10 --label=a-root-file-system\n',
    'error: box/box.ks:2: "a-root-file-system" cannot be the label of a ext4 partition. (Use at most 16 letters, digits, dots, dashes and underscores.)',
  ],
  'mount options with blanks': [
    `reqpart\npart / --size=10 --fsoptions='noatime, ro'\n`,
    'error: box/box.ks:2: --fsoptions="noatime, ro" has blanks. (Separate mount options by commas alone.)',
  ],
}

for (const [what, [text, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => t.equal(compileFailure(text), error))
}
