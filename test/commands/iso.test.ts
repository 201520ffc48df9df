/** `pipeline iso`: an installer made of a small boot ISO, and every medium, rule and size that is refused. */
import t from 'tap'
import { createServer } from 'node:http'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeBootIso } from '../fixtures/boot-iso.js'
import type { BootIso } from '../fixtures/boot-iso.js'
import { runMain } from '../fixtures/main-run.js'
import type { MainResult } from '../fixtures/main-run.js'
import { realRun } from '../fixtures/sealed-disk.js'

const folder = t.testdir({ seven: {}, nine: {}, state: {} })
const [seven, nine] = [await makeBootIso(join(folder, 'seven')), await makeBootIso(join(folder, 'nine'), { version: '9.4' })]

function iso(medium: Pick<BootIso, 'path' | 'sha256'>, ...more: readonly string[]): Promise<MainResult> {
  const set = ['--set', `el.installerUrl=${medium.path}`, '--set', `el.installerSha256=${medium.sha256}`]
  return runMain(['iso', 'eucalyptus', '-o', join(folder, 'out.iso'), '--store', join(folder, 'state'), ...set, ...more])
}

const mibOf = (path: string) => Math.ceil(statSync(path).size / 2 ** 20)

const failed = (code: number, message: string): MainResult => ({ code, stdout: '', stderr: `error: ${message}\n` })

async function extract(from: string, inside: string): Promise<string> {
  const to = join(folder, 'extracted')
  await realRun(['rm', '-rf', to])
  await realRun(['xorriso', '-osirrox', 'on', '-indev', from, '-extract', inside, to])
  return readFileSync(to, 'utf8')
}

/** Past the volume's descriptors, which hold the digest itself. */
function flipped(content: Buffer): Buffer {
  const at = 1024 * 1024
  content.writeUInt8(content.readUInt8(at) ^ 1, at)
  return content
}

t.test('the medium boots as before, holds every role and the payload, and its checksum is in it', async t => {
  const out = join(folder, 'out.iso')
  t.same(await iso(seven), { code: 0, stdout: `${out}\n`, stderr: '' })
  t.same(readdirSync(folder).filter(name => name.startsWith('.')), [], 'nothing half-made is left')

  const { stdout: boots } = await realRun(['xorriso', '-indev', out, '-report_el_torito', 'plain', '-report_system_area', 'plain'])
  t.match(boots, /^El Torito boot img :\s+1\s+BIOS/m)
  t.match(boots, /^El Torito boot img :\s+2\s+UEFI/m)
  t.match(boots, /^System area summary:.*isohybrid/m, 'a stick boots it, too')
  await realRun(['checkisomd5', out])
  const broken = join(folder, 'broken')
  writeFileSync(broken, flipped(readFileSync(out)))
  await t.rejects(realRun(['checkisomd5', broken]), 'a changed byte is found')

  const bios = await extract(out, '/isolinux/isolinux.cfg')
  t.match(bios, /^default local$/m)
  t.match(bios, /^ {2}append initrd=initrd\.img inst\.stage2=hd:LABEL=EVC_INSTALL inst\.repo=hd:LABEL=EVC_INSTALL inst\.ks=hd:LABEL=EVC_INSTALL:\/evc\/ciab\.ks inst\.gpt /m)
  t.same([...bios.matchAll(/^label (.*)$/gm)].map(([, name]) => name), ['ciab', 'core', 'frontend', 'minimal', 'nc', 'local'])
  const efi = join(folder, 'efiboot.img')
  await realRun(['rm', '-f', efi])
  await realRun(['xorriso', '-osirrox', 'on', '-indev', out, '-extract', '/images/efiboot.img', efi])
  const uefi = (await realRun(['mtype', '-i', efi, '::/EFI/BOOT/grub.cfg'])).stdout
  t.match(uefi, /^set default="local"$/m)
  t.equal(uefi, await extract(out, '/EFI/BOOT/grub.cfg'), 'one menu, wherever the firmware looks')

  t.match(await extract(out, '/evc/provision/first-boot/usr/lib/evc/first-boot'), /^#!\/bin\/sh\n/)
  const ciab = await extract(out, '/evc/ciab.ks')
  t.match(ciab, /^%include \/tmp\/evc-disk\.ks$/m)
  t.match(ciab, /^DISK_RULE='only'\nLEAST_BYTES=42949672960\nCOUNTDOWN_SECONDS=0$/m)
  t.match(ciab, /^rootpw --lock$/m)
  t.notMatch(ciab, 'evc-build')
  const nc = await extract(out, '/evc/nc.ks')
  t.match(nc, /^text$/m, 'a role without a first boot asks for a password')
  t.notMatch(nc, /^rootpw/m)
  t.match(nc, /^LEAST_BYTES=21474836480$/m, 'each role asks for its own disk, not for the appliance\'s')
  t.match(await extract(out, '/evc/minimal.ks'), /^LEAST_BYTES=12884901888$/m)
})

t.test('an unattended one takes the appliance\'s role by itself, by a rule, after a countdown', async t => {
  t.equal((await iso(seven, '--unattended', '--disk', 'smallest')).code, 0)
  t.match(await extract(join(folder, 'out.iso'), '/isolinux/isolinux.cfg'), /^default ciab$/m)
  t.match(await extract(join(folder, 'out.iso'), '/EFI/BOOT/grub.cfg'), /^set default="ciab"$/m)
  t.match(await extract(join(folder, 'out.iso'), '/evc/ciab.ks'), /^DISK_RULE='smallest'\nLEAST_BYTES=\d+\nCOUNTDOWN_SECONDS=30$/m)
})

t.test('what cannot be made is refused, and the ISO of before stays', async t => {
  const out = join(folder, 'out.iso')
  const before = readFileSync(out)
  const text = join(folder, 'text.iso')
  writeFileSync(text, 'no ISO')
  const textDigest = (await realRun(['sha256sum', text])).stdout.split(' ')[0] ?? ''
  const wrong = 'b'.repeat(64)
  const table: readonly (readonly [Promise<MainResult>, MainResult])[] = [
    [
      iso({ path: seven.path, sha256: wrong }),
      failed(2, `The installer's ISO ${seven.path} is not the one that was meant: its SHA-256 is ${seven.sha256}, not ${wrong}. (fetch it again, or give its digest from a source you trust: --set el.installerSha256=DIGEST)`),
    ],
    [iso(nine), failed(2, `The installer ${nine.path} is of release 9.4, and the appliance is of 7.9. (take one of 7.9)`)],
    [
      iso({ path: text, sha256: textDigest }),
      failed(2, `The ISO ${text} is no boot ISO of the el family: it has no /.treeinfo. (take a minimal, DVD or netinstall ISO of the release)`),
    ],
    [
      iso({ path: '/none.iso', sha256: wrong }),
      failed(2, "Could not read the installer's ISO /none.iso: ENOENT. (look at it: ls -l /none.iso)"),
    ],
    [iso(seven, '--unattended'), failed(2, '--unattended needs to know which disk it may erase. (add --disk only, --disk smallest, or --disk NAME of /dev/disk/by-id)')],
    [
      iso(seven, '--unattended', '--disk', '/dev/sda'),
      failed(2, '--disk /dev/sda is no rule for one disk. (write only, smallest, or a name of /dev/disk/by-id such as ata-QEMU_HARDDISK_QM00001)'),
    ],
    [iso(seven, '--fit', '1'), failed(2, `The installer will have at least ${mibOf(seven.path)} MiB, and the medium holds 1 MiB. (the next usual medium is a CD: --fit 700)`)],
    [
      iso(seven, '--fit', String(mibOf(seven.path))),
      failed(4, `The installer has ${mibOf(out)} MiB, and the medium holds ${mibOf(seven.path)} MiB. (the next usual medium is a CD: --fit 700)`),
    ],
    [
      runMain(['iso', 'ciab', '--fit', '100', '--store', join(folder, 'state')]),
      failed(2, 'The installer will have at least 128 MiB, and the medium holds 100 MiB. (the next usual medium is a CD: --fit 700)'),
    ],
    [
      runMain(['iso', 'ciab', '--unattended', '--store', join(folder, 'state')]),
      failed(2, '--unattended needs to know which disk it may erase. (add --disk only, --disk smallest, or --disk NAME of /dev/disk/by-id)'),
    ],
  ]
  for (const [found, wanted] of table) t.same(await found, wanted)
  t.ok(readFileSync(out).equals(before))
  t.same(readdirSync(folder).filter(name => name.startsWith('.')), [])
})

t.test('an ISO from the network is fetched once, compared, and named when it is not there', async t => {
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    if (request.url === '/vault.example/7.iso') response.end(readFileSync(seven.path))
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const fetched = { path: 'https://vault.example/7.iso', sha256: seven.sha256 }
  const first = await iso(fetched, '--set', `el.mirror=${mirror}`)
  t.same([first.code, first.stderr], [0, `fetching ${mirror}/vault.example/7.iso\n`])
  t.same((await iso(fetched, '--set', `el.mirror=${mirror}`)).stderr, '')
  t.equal(asked, 1)
  const none = { path: 'https://vault.example/8.iso', sha256: 'c'.repeat(64) }
  t.same(await iso(none, '--set', `el.mirror=${mirror}`), {
    code: 4,
    stdout: '',
    stderr:
      `fetching ${mirror}/vault.example/8.iso\n` +
      `error: The installer's ISO could not be fetched: ${mirror}/vault.example/8.iso: HTTP 404. ` +
      '(name a copy: --set el.installerUrl=FILE.iso, or a mirror of all addresses: --set el.mirror=URL)\n',
  })
  t.same(readdirSync(join(folder, 'state/installer')), [`${seven.sha256}.iso`], 'nothing that was not compared is kept')
  t.ok(existsSync(join(folder, 'out.iso')))
})
