/** The installer's menu, with a played boot ISO that has a real ISOLINUX and GRUB: without a key it boots the local disk and leaves it as it is. */
import t from 'tap'
import type { Test } from 'tap'
import { createHash } from 'node:crypto'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runMachine } from '../../fixtures/bare-machine.js'
import { makeBootIso } from '../../fixtures/boot-iso.js'
import { runMain } from '../../fixtures/main-run.js'
import { realRun } from '../../fixtures/sealed-disk.js'

t.setTimeout(900_000)
const words = 'THE LOCAL DISK WAS BOOTED'
const diskBytes = 64 * 2 ** 20

/** A disk whose first sector says the words on the serial port, by the BIOS' own services. */
async function speakingSector(disk: string): Promise<void> {
  const code = [
    0x31, 0xc0, 0x8e, 0xd8, 0xb8, 0xe3, 0x00, 0x31, 0xd2, 0xcd, 0x14, 0xbe, 0x1e, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x08,
    0xb4, 0x01, 0x31, 0xd2, 0xcd, 0x14, 0xeb, 0xf3, 0xf4, 0xeb, 0xfd,
  ]
  const sector = Buffer.alloc(512)
  Buffer.from([...code, ...Buffer.from(`${words}\0`)]).copy(sector)
  sector.writeUInt16LE(0xaa55, 510)
  writeFileSync(disk, sector)
  truncateSync(disk, diskBytes)
}

/** A disk with an ESP whose loader, a GRUB at the place of CentOS' shim, says the words on the serial port. */
async function speakingLoader(disk: string): Promise<void> {
  const [config, loader] = [`${disk}.cfg`, `${disk}.efi`]
  writeFileSync(config, `serial --unit=0 --speed=115200\nterminal_output serial\necho "${words}"\nsleep 600\n`)
  await realRun(['grub-mkimage', '-O', 'x86_64-efi', '-p', '/', '-c', config, '-o', loader, 'echo', 'minicmd', 'serial', 'sleep', 'terminal'])
  writeFileSync(disk, '')
  truncateSync(disk, diskBytes)
  await realRun(['sfdisk', '--quiet', disk], { input: 'label: gpt\nsize=40M, type=U\n' })
  const esp = ['-i', `${disk}@@1M`]
  await realRun(['mformat', ...esp, '-T', String(40 * 2048), '::'])
  await realRun(['mmd', ...esp, '::/EFI', '::/EFI/centos'])
  await realRun(['mcopy', ...esp, loader, '::/EFI/centos/shimx64.efi'])
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

async function installerIn(t: Test): Promise<{ readonly folder: string; readonly iso: string }> {
  const folder = t.testdir({ medium: {}, state: {} })
  const medium = await makeBootIso(join(folder, 'medium'))
  const iso = join(folder, 'out.iso')
  const set = ['--set', `el.installerUrl=${medium.path}`, '--set', `el.installerSha256=${medium.sha256}`]
  t.equal((await runMain(['iso', 'eucalyptus', '-o', iso, '--store', join(folder, 'state'), ...set])).code, 0)
  return { folder, iso }
}

for (const [firmware, stick, makeDisk] of [['bios', false, speakingSector], ['uefi', false, speakingLoader], ['uefi', true, speakingLoader]] as const) {
  t.test(`no key is pressed, ${firmware} from a ${stick ? 'stick' : 'disc'}: the local disk is booted and nothing on it has changed`, async t => {
    const { folder, iso } = await installerIn(t)
    const disk = join(folder, 'disk.raw')
    await makeDisk(disk)
    const before = digest(disk)
    const { said } = await runMachine({ firmware, stick, disks: [disk], medium: iso, scratch: folder, timeoutMs: 500_000, until: new RegExp(words) })
    t.match(said, words)
    t.match(said, /Install ciab/, 'the menu was shown')
    t.equal(digest(disk), before)
  })
}
