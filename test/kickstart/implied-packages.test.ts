/** Packages that come along because a command needs them. */
import t from 'tap'
import { compile, compileFailure, leastKickstart } from '../fixtures/kickstart.js'

t.test('every image starts: kernel, init, devices, boot loader, disk tools', async t => {
  const { implied, include } = compile(leastKickstart).packages
  t.same(
    implied.map(each => each.name),
    [
      'fdisk',
      'dosfstools',
      'e2fsprogs',
      'linux-image-amd64',
      'systemd-sysv',
      'udev',
      'grub2-common',
      'grub-pc-bin',
      'grub-efi-amd64-bin',
    ]
  )
  t.ok(implied.every(each => include.includes(each.name) && each.reason !== ''))
  t.equal(implied.find(each => each.name === 'fdisk')?.reason, 'partitions the disk (sfdisk)')
})

t.test('what is written is not implied', async t => {
  const { implied, include } = compile(`${leastKickstart}%packages\nudev\n%end\n`).packages
  t.notOk(implied.some(each => each.name === 'udev'))
  t.equal(include.filter(name => name === 'udev').length, 1)
})

t.test('refuses to leave out what is needed, with the reason', async t => {
  t.equal(
    compileFailure(`${leastKickstart}%packages\n-udev\n%end\n`),
    'error: box/box.ks:3: udev cannot be left out: it finds devices. (Take the line out.)'
  )
})
