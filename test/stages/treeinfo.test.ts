/** The .treeinfo of three generations, as their trees have it, and what is left out of a damaged one. */
import t from 'tap'
import { parseTreeinfo } from '../../pipeline/stages/treeinfo.js'

const sha = (digit: string) => digit.repeat(64)

t.test('reads the old form of RHEL 7', async t => {
  const text = [
    '[general]', 'name = CentOS-7', 'family = CentOS', 'timestamp = 1604001756.22', 'variant = ', 'version = 7', 'packagedir = ', 'arch = x86_64', '',
    '[stage2]', 'mainimage = LiveOS/squashfs.img', '',
    '[images-x86_64]', 'kernel = images/pxeboot/vmlinuz', 'initrd = images/pxeboot/initrd.img', 'boot.iso = images/boot.iso', '',
    '[images-xen]', 'kernel = images/pxeboot/vmlinuz-xen', '',
    '[checksums]', `images/pxeboot/vmlinuz = sha256:${sha('a')}`, `repodata/repomd.xml = sha256:${sha('B')}`, 'images/boot.iso = md5:1234',
  ].join('\r\n')
  t.same(parseTreeinfo(text), {
    version: '7',
    kernel: 'images/pxeboot/vmlinuz',
    initrd: 'images/pxeboot/initrd.img',
    stage2: 'LiveOS/squashfs.img',
    sha256: { 'images/pxeboot/vmlinuz': sha('a'), 'repodata/repomd.xml': sha('b') },
  })
})

t.test('reads the new form of RHEL 9, which says its release twice', async t => {
  const text = [
    '[header]', 'type = productmd.treeinfo', 'version = 1.2', '[release]', 'name = Rocky Linux', 'version = 9.4',
    '[tree]', 'arch = x86_64', 'variants = AppStream,BaseOS', '[stage2]', 'mainimage = images/install.img',
    '[images-x86_64]', 'kernel = images/pxeboot/vmlinuz', 'initrd = images/pxeboot/initrd.img',
    '[checksums]', `images/install.img = sha256:${sha('c')}`,
  ].join('\n')
  t.match(parseTreeinfo(text), { version: '9.4', kernel: 'images/pxeboot/vmlinuz', stage2: 'images/install.img', sha256: { 'images/install.img': sha('c') } })
})

t.test('RHEL 6 calls its own system the install image', async t => {
  t.match(parseTreeinfo('[general]\nversion = 6.10\narch = x86_64\n[stage2]\ninstimage = images/install.img\n'), { version: '6.10', stage2: 'images/install.img' })
})

t.test('what is not there is undefined, and other text is no .treeinfo', async t => {
  t.same(parseTreeinfo('<html>404</html>'), { version: 'unknown', kernel: undefined, initrd: undefined, stage2: undefined, sha256: {} })
})
