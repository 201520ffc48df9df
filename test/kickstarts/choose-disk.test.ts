/** The installer's choice of a disk, with a stand-in for lsblk: one disk or none, never the medium's, and visibly. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('../../templates/iso/choose-disk.sh', import.meta.url))
const gib = 2 ** 30

interface Machine {
  readonly disks: Readonly<Record<string, number>>
  /** The partition or disk that the installer was booted from. */
  readonly medium?: string
  readonly ids?: Readonly<Record<string, string>>
}

function choose(folder: string, rule: string, { disks, medium = 'sr0', ids = {} }: Machine, countdownSeconds = 0) {
  for (const name of ['bin', 'root/dev/disk/by-id', 'root/tmp']) mkdirSync(join(folder, name), { recursive: true })
  const lines = Object.entries(disks).map(([name, sizeGib]) => `${name} ${sizeGib * gib} ${name.startsWith('sr') ? 'rom' : 'disk'} 0`)
  const program = (name: string, text: string) => {
    writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(folder, 'bin', name), 0o755)
  }
  program('findmnt', `echo /dev/${medium}`)
  program('lsblk', `case "$*" in *PKNAME*) echo ${/^sd.\d/.test(medium) ? medium.slice(0, 3) : ''};; *) printf '%s\\n' ${lines.map(line => `'${line}'`).join(' ')};; esac`)
  for (const name of Object.keys(disks)) writeFileSync(join(folder, 'root/dev', name), '')
  for (const [id, name] of Object.entries(ids)) symlinkSync(`../../${name}`, join(folder, 'root/dev/disk/by-id', id))
  const settings = `DISK_RULE='${rule}'\nLEAST_BYTES=${40 * gib}\nCOUNTDOWN_SECONDS=${countdownSeconds}\n`
  const { status, stdout } = spawnSync('bash', ['-c', settings + readFileSync(script, 'utf8')], {
    encoding: 'utf8',
    env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin`, ROOT: join(folder, 'root'), TICK_SECONDS: '0' },
  })
  const answer = join(folder, 'root/tmp/evc-disk.ks')
  const console = join(folder, 'root/dev/console')
  return {
    status,
    said: stdout.trim(),
    kickstart: existsSync(answer) ? readFileSync(answer, 'utf8') : undefined,
    console: existsSync(console) ? readFileSync(console, 'utf8') : '',
  }
}

const one = (disk: string) => `ignoredisk --only-use=${disk}\nclearpart --all --initlabel --disklabel=gpt --drives=${disk}\n`

const chosen: Readonly<Record<string, readonly [rule: string, machine: Machine, disk: string]>> = {
  'the only disk': ['only', { disks: { sda: 100, sr0: 1 } }, 'sda'],
  'the only one beside a stick that was booted from': ['only', { disks: { sda: 64, nvme0n1: 100 }, medium: 'sda1' }, 'nvme0n1'],
  'the only one that is large enough': ['only', { disks: { sda: 8, vda: 40 } }, 'vda'],
  'the smallest': ['smallest', { disks: { sda: 500, sdb: 100, sdc: 8 } }, 'sdb'],
  'one by its name': ['ata-DISK_2', { disks: { sda: 100, sdb: 100 }, ids: { 'ata-DISK_1': 'sda', 'ata-DISK_2': 'sdb' } }, 'sdb'],
}

for (const [title, [rule, machine, disk]] of Object.entries(chosen)) {
  t.test(`takes ${title}`, async t => t.same(choose(t.testdir({}), rule, machine), { status: 0, said: '', kickstart: one(disk), console: '' }))
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
    t.same(choose(t.testdir({}), rule, machine), { status: 1, said: message, kickstart: undefined, console: `${message}\n` })
  })
}

t.test('counts down where it can be seen before the answer is written', async t => {
  const { console, kickstart } = choose(t.testdir({}), 'only', { disks: { sda: 100 } }, 3)
  t.equal(console, 'ALL DATA ON sda WILL BE ERASED IN 1 s. Switch the machine off to keep it.\n', 'the last line; a console keeps all')
  t.equal(kickstart, one('sda'))
})
