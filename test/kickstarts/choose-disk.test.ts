/** The installer's choice of a disk, on a kernel's tables in a folder: one disk or none, never the medium's, and visibly. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../../templates/iso/choose-disk.sh', import.meta.url))
const gib = 2 ** 30

/** The initramfs' own shell where this machine has it; Anaconda's is bash, and both read it. */
const shell = existsSync('/bin/dash') ? '/bin/dash' : 'bash'

interface Machine {
  readonly disks: Readonly<Record<string, number>>
  /** The partition or disk that the installer was booted from. */
  readonly medium?: string
  readonly ids?: Readonly<Record<string, string>>
  /** Listed by the kernel, without a device: the paths to an NVMe disk. */
  readonly hidden?: readonly string[]
}

function choose(folder: string, rule: string, { disks, medium = 'sr0', ids = {}, hidden = [] }: Machine, countdownSeconds = 0) {
  for (const name of ['root/dev/disk/by-id', 'root/proc', 'root/sys/class/tty/console']) mkdirSync(join(folder, name), { recursive: true })
  const write = (name: string, text: string) => writeFileSync(join(folder, 'root', name), text)
  write('proc/mounts', `tmpfs /run tmpfs rw 0 0\n/dev/${medium} /run/install/repo iso9660 ro 0 0\n`)
  write('sys/class/tty/console/active', 'console\n')
  for (const [name, sizeGib] of Object.entries(disks)) {
    mkdirSync(join(folder, 'root/sys/block', name), { recursive: true })
    write(`sys/block/${name}/size`, `${(sizeGib * gib) / 512}\n`)
    write(`sys/block/${name}/ro`, '0\n')
    // Kernels of before 4.15 do not say.
    if (hidden.length > 0) write(`sys/block/${name}/hidden`, hidden.includes(name) ? '1\n' : '0\n')
    if (medium !== name && medium.startsWith(name)) mkdirSync(join(folder, 'root/sys/block', name, medium))
    if (!hidden.includes(name)) write(`dev/${name}`, '')
  }
  for (const [id, name] of Object.entries(ids)) symlinkSync(`../../${name}`, join(folder, 'root/dev/disk/by-id', id))
  const settings = `DISK_RULE='${rule}'\nLEAST_BYTES=${40 * gib}\nCOUNTDOWN_SECONDS=${countdownSeconds}\n`
  const { status, stdout } = spawnSync(shell, ['-c', `${settings}${readFileSync(script, 'utf8')}\necho "chosen $disk"\n`], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', ROOT: join(folder, 'root'), TICK_SECONDS: '0' },
  })
  const console = join(folder, 'root/dev/console')
  return {
    status,
    said: stdout.trim(),
    console: existsSync(console) ? readFileSync(console, 'utf8') : '',
  }
}

const chosen: Readonly<Record<string, readonly [rule: string, machine: Machine, disk: string]>> = {
  'the only disk': ['only', { disks: { sda: 100, sr0: 1 } }, 'sda'],
  'the only one beside a stick that was booted from': ['only', { disks: { sda: 64, nvme0n1: 100 }, medium: 'sda1' }, 'nvme0n1'],
  'the only one that is large enough': ['only', { disks: { sda: 8, vda: 40 } }, 'vda'],
  'the only one, an NVMe disk with two paths': [
    'only', { disks: { nvme0c0n1: 100, nvme0c1n1: 100, nvme0n1: 100 }, hidden: ['nvme0c0n1', 'nvme0c1n1'] }, 'nvme0n1',
  ],
  'the smallest': ['smallest', { disks: { sda: 500, sdb: 100, sdc: 8 } }, 'sdb'],
  'one by its name': ['ata-DISK_2', { disks: { sda: 100, sdb: 100 }, ids: { 'ata-DISK_1': 'sda', 'ata-DISK_2': 'sdb' } }, 'sdb'],
}

for (const [title, [rule, machine, disk]] of Object.entries(chosen)) {
  t.test(`takes ${title}`, async t => t.same(choose(t.testdir({}), rule, machine), { status: 0, said: `chosen ${disk}`, console: '' }))
}

const refused: Readonly<Record<string, readonly [rule: string, machine: Machine, said: string]>> = {
  'no disk': ['only', { disks: { sr0: 1 } }, 'no disk is large enough: 40 GiB are needed'],
  'a disk that is too small': ['smallest', { disks: { sda: 39 } }, 'no disk is large enough: 40 GiB are needed'],
  'two disks': ['only', { disks: { sda: 100, sdb: 200 } }, 'the rule "only" wants one disk, and there are 2: sda (100 GiB), sdb (200 GiB)'],
  'two smallest disks': ['smallest', { disks: { sda: 100, sdb: 100, sdc: 200 } }, 'the rule "smallest" fits several disks: sda (100 GiB), sdb (100 GiB), sdc (200 GiB)'],
  'a name that is not here': ['ata-NONE', { disks: { sda: 100 } }, 'there is no disk ata-NONE here: sda (100 GiB)'],
  'the medium by its name': [
    'usb-STICK', { disks: { sda: 64, sdb: 100 }, medium: 'sda1', ids: { 'usb-STICK': 'sda' } },
    'the disk usb-STICK (sda) is too small, or the medium itself: sdb (100 GiB)',
  ],
}

for (const [title, [rule, machine, said]] of Object.entries(refused)) {
  t.test(`refuses ${title}, and says so on the console`, async t => {
    const message = `No disk was touched: ${said}`
    t.same(choose(t.testdir({}), rule, machine), { status: 1, said: message, console: `${message}\n` })
  })
}

t.test('counts down where it can be seen before the answer is written', async t => {
  const { console, said } = choose(t.testdir({}), 'only', { disks: { sda: 100 } }, 3)
  t.equal(console, 'ALL DATA ON sda WILL BE ERASED IN 1 s. Switch the machine off to keep it.\n', 'the last line; a console keeps all')
  t.equal(said, 'chosen sda')
})
