/** The installer of ciab in bare machines without a network: by BIOS and by UEFI, from a disc and from a stick, and where it must not install. */
import t from 'tap'
import { closeSync, mkdirSync, openSync, readSync, rmSync, truncateSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { builtImage, sharedPlaces } from '../../fixtures/built-image.js'
import { runMachine } from '../../fixtures/bare-machine.js'
import { runMain } from '../../fixtures/main-run.js'
import { realRun } from '../../fixtures/sealed-disk.js'

t.setTimeout(7_200_000)
const places = sharedPlaces(t)
const folder = join(places.work, 'iso-install')
mkdirSync(folder, { recursive: true })
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const built = await builtImage(places)
const timeoutMs = 900_000

function blankDisk(name: string, gib: number): string {
  const path = join(folder, name)
  rmSync(path, { force: true })
  closeSync(openSync(path, 'w'))
  truncateSync(path, gib * 2 ** 30)
  return path
}

async function makeIso(name: string, ...more: readonly string[]): Promise<string> {
  const output = join(folder, name)
  const { code, stdout, stderr } = await runMain(['iso', 'ciab', ...places.options, '-o', output, ...more])
  if (code !== 0 || stdout.trim() !== output) throw new Error(stderr)
  return output
}

const unattended = await makeIso('unattended.iso', '--unattended', '--disk', 'only')

t.test('the checksum is in it', async () => void (await realRun(['checkisomd5', unattended])))

for (const [firmware, stick] of [['bios', false], ['uefi', true]] as const) {
  t.test(`installs a bare machine with ${firmware} from a ${stick ? 'stick' : 'disc'}, and what it installed becomes ready`, async t => {
    const disk = blankDisk(`${firmware}.raw`, 12)
    const machine = { firmware, stick, disks: [disk], scratch: folder, timeoutMs }
    const { said, poweredOff } = await runMachine({ ...machine, medium: unattended })
    t.ok(poweredOff, said.slice(-2000))
    t.match(said, /ALL DATA ON vda WILL BE ERASED IN 30 s\./, 'the countdown is visible')
    t.match(said, /ERASED IN 1 s\./)
    t.match(said, 'INSTALLED on vda.')
    const compared = await realRun(['qemu-img', 'compare', '-f', 'raw', '-F', 'raw', built.disk, disk])
    t.match(compared.stdout, 'Images are identical', 'byte by byte the disk that was verified, and zeros behind it')
    const booted = await runMachine({ ...machine, disks: [disk], memoryMib: 4096, network: true, until: /EVC \{"state":"(?:ready|failed)"/ })
    t.match(booted.said, 'EVC {"state":"ready"')
  })
}

t.test('without a key pressed the default one boots the local disk and installs nothing', async t => {
  const iso = await makeIso('default.iso')
  for (const firmware of ['bios', 'uefi'] as const) {
    const disk = blankDisk('local.raw', 12)
    await realRun(['cp', '--sparse=always', built.disk, disk])
    const { said } = await runMachine({ firmware, disks: [disk], medium: iso, scratch: folder, timeoutMs, memoryMib: 4096, until: /EVC \{"state":"booting"/ })
    t.match(said, 'EVC {"state":"booting"', `${firmware}: the system on the disk was booted`)
    t.notMatch(said, 'Installing', firmware)
  }
})

const owned = "somebody's data"

function withFile(path: string, use: (file: number) => void): void {
  const file = openSync(path, 'r+')
  use(file)
  closeSync(file)
}

const refusals = {
  'no disk that is large enough': [[4], 'No disk was touched: no disk is large enough: 10 GiB are needed'],
  'two disks': [[12, 12], 'No disk was touched: the rule "only" wants one disk, and there are 2: vda (12 GiB), vdb (12 GiB)'],
} as const

for (const [title, [sizes, wanted]] of Object.entries(refusals)) {
  t.test(`refuses ${title}, and writes to none`, async t => {
    const disks = sizes.map((gib, index) => blankDisk(`refused-${index}.raw`, gib))
    for (const disk of disks) withFile(disk, file => writeSync(file, owned, 0))
    const machine = { firmware: 'bios', stick: true, disks, medium: unattended, scratch: folder, timeoutMs } as const
    const { said } = await runMachine({ ...machine, until: /Switch the machine off\.\s+$/ })
    t.ok(said.includes(wanted), said.slice(-2000))
    for (const disk of disks) {
      const found = Buffer.alloc(owned.length)
      withFile(disk, file => readSync(file, found, 0, found.length, 0))
      t.equal(found.toString(), owned)
    }
  })
}
