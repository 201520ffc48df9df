/** The installer of a golden disk: how the disk is cut into parts, and what the menu says. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { composeCommand, partsOf, renderMenu, volumeOf } from '../../pipeline/stages/disk-installer.js'

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
  const text = readFileSync(fileURLToPath(new URL('../../templates/iso/disk-grub.cfg.hbs', import.meta.url)), 'utf8')
  const spec = { name: 'ciab', title: 'Cloud in a box' }
  const menu = (unattended: boolean) => renderMenu({ spec, version: '1.0.0', unattended, diskRule: 'smallest', countdownSeconds: 30 }, text)
  t.match(menu(true), /^set default="install"$/m)
  t.match(menu(false), /^set default="local"$/m)
  t.match(menu(true), 'menuentry "Install Cloud in a box 1.0.0: erases the disk" --id install {')
  t.match(menu(true), /^ {2}linux \/evc\/vmlinuz evc\.medium=INSTALL_CIAB evc\.disk=smallest evc\.countdown=30 .*console=ttyS0,115200n8 console=tty0$/m)
})

t.test('the medium has a label that ISO 9660 allows', async t => {
  t.equal(volumeOf({ name: `my-appliance.${'x'.repeat(40)}` }), `INSTALL_MY_APPLIANCE_${'X'.repeat(11)}`)
  t.same(composeCommand('/tree', { iso: '/a.iso', volume: 'V' }), ['grub-mkrescue', '--output=/a.iso', '/tree', '--', '-volid', 'V'])
})
