/** Laying out the disk: order, identity, and layouts that cannot be. */
import t from 'tap'
import { layoutMib } from '../../pipeline/kickstart/layout.js'
import { compile, compileFailure } from '../fixtures/kickstart.js'

function brief(text: string): string[] {
  return compile(text).layout.partitions.map(
    part =>
      `${part.number} ${part.mountPoint} ${part.fileSystem} ${part.sizeMib}${part.grow ? '+' : ''} ${part.label ?? '-'}`
  )
}

t.test('autopart makes what both firmwares need and one root', async t => {
  t.same(brief('autopart --type=plain\n'), [
    '1 biosboot biosboot 1 -',
    '2 /boot/efi efi 128 EFI',
    '3 / ext4 2048+ root',
  ])
  t.same(
    brief('autopart --type=plain --fstype=xfs --noswap --nohome --noboot\n')[2],
    '3 / xfs 2048+ root'
  )
})

t.test('the growing partition comes last, whatever its line', async t => {
  t.same(
    brief(
      'part / --fstype=ext4 --size=1000 --grow\npart swap --size=512\npart /srv --fstype xfs --size=300 --label=data\nreqpart --add-boot\n'
    ),
    [
      '1 biosboot biosboot 1 -',
      '2 /boot/efi efi 128 EFI',
      '3 /boot ext4 1024 boot',
      '4 swap swap 512 -',
      '5 /srv xfs 300 data',
      '6 / ext4 1000+ root',
    ]
  )
})

t.test('identifiers come from the seed and differ from each other', async t => {
  const [one, same, other] = ['a', 'a', 'b'].map(
    seed => compile('autopart --type=plain\n', { seed }).layout
  )
  t.same(one, same)
  const ids = [one, other].flatMap(layout => [
    layout?.diskUuid,
    ...(layout?.partitions ?? []).flatMap(part => [part.partitionUuid, part.fileSystemUuid]),
  ])
  t.equal(
    new Set(ids).size,
    13,
    'two disks with three partitions and two file systems; BIOS boot has none'
  )
})

t.test('a FAT file system has a volume id for its UUID', async t => {
  t.match(
    compile('autopart --type=plain\n').layout.partitions[1]?.fileSystemUuid,
    /^[0-9A-F]{4}-[0-9A-F]{4}$/
  )
})

t.test('counts the partition table with the partitions', async t => {
  t.equal(layoutMib(compile('autopart --type=plain\n').layout), 2 + 1 + 128 + 2048)
  t.equal(compileFailure('reqpart\npart / --size=5000\n', { diskMib: 5131 }), 'no error')
  t.equal(
    compileFailure('reqpart\npart / --size=5000\n', { diskMib: 5130 }),
    'error: box/box.ks:2: the partitions need 5131 MiB, and the disk has 5130 MiB. (Make a partition smaller, or the disk larger: hardware.diskGib in appliance.yaml.)'
  )
})

const wrong: Readonly<Record<string, readonly [text: string, error: string]>> = {
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
}

for (const [what, [text, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => t.equal(compileFailure(text), error))
}
