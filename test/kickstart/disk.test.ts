/** The commands that make the disk, and fstab. */
import t from 'tap'
import { compile, stepLines } from '../fixtures/kickstart.js'

const text = `clearpart --all --initlabel
reqpart
part / --fstype=ext4 --size=1000 --grow --fsoptions=noatime
part swap --size=512 --label=swap
part /srv --fstype=xfs --size=300
part /data --fstype=vfat --size=100 --label=DATA
`

t.test('fstab names file systems by UUID, parents before what is inside them', async t => {
  const { files, layout } = compile(text)
  const uuid = (point: string) =>
    layout.partitions.find(part => part.mountPoint === point)?.fileSystemUuid
  t.same(files['system/etc/fstab']?.split('\n'), [
    '# <file system> <mount point> <type> <options> <dump> <pass>',
    `UUID=${uuid('/')} / ext4 noatime 0 1`,
    `UUID=${uuid('/boot/efi')} /boot/efi vfat umask=0077,nofail 0 2`,
    `UUID=${uuid('/data')} /data vfat defaults 0 2`,
    `UUID=${uuid('/srv')} /srv xfs defaults 0 0`,
    `UUID=${uuid('swap')} none swap sw 0 0`,
    '',
  ])
  t.match(
    compile('autopart --type=plain\n').files['system/etc/fstab'],
    / \/ ext4 errors=remount-ro 0 1\n/
  )
})

t.test('partitions follow one another, the growing one without a size', async t => {
  const lines = compile(text).files['layout.sfdisk']?.split('\n') ?? []
  t.same(lines.map(line => /^(start=\d+MiB(, size=\d+MiB)?)/.exec(line)?.[1]).filter(Boolean), [
    'start=1MiB, size=1MiB',
    'start=2MiB, size=128MiB',
    'start=130MiB, size=512MiB',
    'start=642MiB, size=300MiB',
    'start=942MiB, size=100MiB',
    'start=1042MiB',
  ])
})

t.test('each file system is made with its own identity', async t => {
  const install = compile(text)
  const line = (point: string) => stepLines(install, `make the file system of ${point}`).join('\n')
  t.match(
    line('/'),
    /^mkfs\.ext4 -q -F -U \S{36} -L root -E "hash_seed=\S{36},\$ext4_options" "\$\(partition 6\)"$/
  )
  t.match(
    line('/boot/efi'),
    /^mkfs\.vfat --invariant -F 32 -i [0-9A-F]{8} -n EFI >\/dev\/null "\$\(partition 2\)"$/
  )
  t.match(line('/data'), /^mkfs\.vfat --invariant -i [0-9A-F]{8} -n DATA /)
  t.match(line('/srv'), /^mkfs\.xfs -q -f -K -m uuid=\S{36} "\$\(partition 4\)"$/)
  t.match(line('swap'), /^mkswap -q -U \S{36} -L swap "\$\(partition 3\)"$/)
})

t.test('only clearpart or zerombr allows to overwrite a used disk', async t => {
  const second = (first: string) =>
    stepLines(compile(`${first}autopart --type=plain\n`), 'partition the target disk')[1]
  t.equal(second(''), 'refuse_used_disk')
  t.equal(second('clearpart --none\n'), 'refuse_used_disk')
  t.equal(second('clearpart --all\n'), 'clear_disk')
  t.equal(second('zerombr\n'), 'clear_disk')
})

t.test('the tools of the file systems used come along', async t => {
  const { implied } = compile(text).packages
  t.same(
    implied.map(each => each.name).filter(name => /progs|fs|fdisk/.test(name)),
    ['fdisk', 'dosfstools', 'xfsprogs', 'e2fsprogs']
  )
  t.notOk(compile('autopart --type=plain\n').packages.include.includes('xfsprogs'))
})
