/** Laying out the disk: order, identity, and layouts that cannot be. */
import t from 'tap'
import { layoutMib } from '../../pipeline/kickstart/layout.js'
import { compile, compileFailure } from '../fixtures/kickstart.js'

function brief(text: string): string[] {
  return compile(text).layout.partitions.map(part => `${part.number} ${part.mountPoint} ${part.fileSystem} ${part.sizeMib}${part.grow ? '+' : ''} ${part.label ?? '-'}`)
}

t.test('autopart makes what both firmwares need and one root', async t => {
  t.same(brief('autopart --type=plain\n'), ['1 biosboot biosboot 1 -', '2 /boot/efi efi 128 EFI', '3 / ext4 2048+ root'])
  t.same(brief('autopart --type=plain --fstype=xfs --noswap --nohome --noboot\n')[2], '3 / xfs 2048+ root')
})

t.test('the growing partition comes last, whatever its line', async t => {
  t.same(brief('part / --fstype=ext4 --size=1000 --grow\npart swap --size=512\npart /srv --fstype xfs --size=300 --label=data\nreqpart --add-boot\n'), [
    '1 biosboot biosboot 1 -',
    '2 /boot/efi efi 128 EFI',
    '3 /boot ext4 1024 boot',
    '4 swap swap 512 -',
    '5 /srv xfs 300 data',
    '6 / ext4 1000+ root',
  ])
})

t.test('identifiers come from the seed and differ from each other', async t => {
  const [one, same, other] = ['a', 'a', 'b'].map(seed => compile('autopart --type=plain\n', { seed }).layout)
  t.same(one, same)
  const ids = [one, other].flatMap(layout => [layout?.diskUuid, ...(layout?.partitions ?? []).flatMap(part => [part.partitionUuid, part.fileSystemUuid])])
  t.equal(new Set(ids).size, 13, 'two disks with three partitions and two file systems; BIOS boot has none')
})

t.test('a FAT file system has a volume id for its UUID', async t => {
  t.match(compile('autopart --type=plain\n').layout.partitions[1]?.fileSystemUuid, /^[0-9A-F]{4}-[0-9A-F]{4}$/)
})

t.test('counts the partition table with the partitions', async t => {
  t.equal(layoutMib(compile('autopart --type=plain\n').layout), 2 + 1 + 128 + 2048)
  t.equal(compileFailure('reqpart\npart / --size=5000\n', { diskMib: 5131 }), 'no error')
  t.equal(
    compileFailure('reqpart\npart / --size=5000\n', { diskMib: 5130 }),
    'error: box/box.ks:2: the partitions need 5131 MiB, and the disk has 5130 MiB. (Make a partition smaller, or the disk larger: hardware.diskGib in appliance.yaml.)',
  )
})

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
  'a kickstart without a disk': [
    'text\n',
    'error: box/box.ks:1: the kickstart lays out no disk: it has neither part nor autopart. (Add reqpart and part / --fstype=ext4 --size=2048 --grow, or autopart --type=plain.)',
  ],
  'part with autopart': [
    'autopart --type=plain\npart / --size=10\n',
    'error: box/box.ks:2: part and autopart exclude each other, and autopart is at box/box.ks:1. (Keep one of the two.)',
  ],
  'autopart with LVM, its default': [
    'autopart\n',
    'error: box/box.ks:1: autopart without --type means LVM, which the debian family cannot make. (Write autopart --type=plain.)',
  ],
  'autopart with another scheme': [
    'autopart --type=thinp\n',
    'error: box/box.ks:1: --type=thinp is not one of its values. (Values: plain.)',
  ],
  'a physical volume': [
    'reqpart\npart pv.01 --size=10\npart / --size=10\n',
    'error: box/box.ks:2: "pv.01" is no mount point that the debian family can make. (Write an absolute path, swap or biosboot; LVM, RAID and btrfs are not supported.)',
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
