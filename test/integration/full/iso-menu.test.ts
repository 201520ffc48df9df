/** The installer's menu on a machine with a BIOS: without a key it boots the local disk and leaves it as it is. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeBootIso } from '../../fixtures/boot-iso.js'
import { runMain } from '../../fixtures/main-run.js'

const words = 'THE LOCAL DISK WAS BOOTED'

/** A disk whose first sector says the words on the serial port, by the BIOS' own services. */
function speakingDisk(): Buffer {
  const code = [
    0x31, 0xc0, 0x8e, 0xd8, 0xb8, 0xe3, 0x00, 0x31, 0xd2, 0xcd, 0x14, 0xbe, 0x1e, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x08,
    0xb4, 0x01, 0x31, 0xd2, 0xcd, 0x14, 0xeb, 0xf3, 0xf4, 0xeb, 0xfd,
  ]
  const disk = Buffer.alloc(16 * 1024 * 1024)
  Buffer.from([...code, ...Buffer.from(`${words}\0`)]).copy(disk)
  disk.writeUInt16LE(0xaa55, 510)
  return disk
}

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

t.test('no key is pressed: the local disk is booted and nothing on it has changed', async t => {
  t.setTimeout(600_000)
  const folder = t.testdir({ medium: {}, state: {} })
  const medium = await makeBootIso(join(folder, 'medium'))
  const [iso, disk] = [join(folder, 'out.iso'), join(folder, 'disk.raw')]
  const set = ['--set', `el.installerUrl=${medium.path}`, '--set', `el.installerSha256=${medium.sha256}`]
  t.equal((await runMain(['iso', 'eucalyptus', '-o', iso, '--store', join(folder, 'state'), ...set])).code, 0)
  writeFileSync(disk, speakingDisk())
  const before = digest(disk)
  const said = await boot(['-cdrom', iso, '-drive', `file=${disk},format=raw,if=ide`, '-boot', 'order=dc'])
  t.match(said, words)
  t.match(said, /Install ciab/, 'the menu was shown')
  t.equal(digest(disk), before)
})

/** What the machine said on its serial port until it said the words, or nothing new for the time given. */
function boot(args: readonly string[]): Promise<string> {
  const common = ['-machine', 'pc,accel=tcg', '-m', '256', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-nic', 'none', '-no-reboot']
  const child = spawn('qemu-system-x86_64', [...common, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  return new Promise(resolve => {
    const limit = setTimeout(() => child.kill(), 500_000)
    child.stdout.on('data', (data: Buffer) => {
      said += data.toString('latin1')
      if (said.includes(words)) child.kill()
    })
    child.on('close', () => {
      clearTimeout(limit)
      resolve(said)
    })
  })
}
