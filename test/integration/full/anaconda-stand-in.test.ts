/**
 * The hand-over to Anaconda, in VMs started by Packer, shown with an installer stand-in: it boots with the same arguments
 * from the same kind of ISO and tree, and obeys the kickstart. It proves the hand-over, not Anaconda.
 */
import t from 'tap'
import type { Test } from 'tap'
import { cpSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readLayout } from '../../../pipeline/tools/partitions.js'
import { openExt4 } from '../../../pipeline/tools/ext4.js'
import { makeStandIn } from '../../fixtures/anaconda-stand-in.js'
import { diskOf, sharedPlaces } from '../../fixtures/built-image.js'
import { startFileServer } from '../../fixtures/file-server.js'
import { repository, runMain } from '../../fixtures/main-run.js'
import type { MainResult } from '../../fixtures/main-run.js'
import { realRun } from '../../fixtures/sealed-disk.js'

t.setTimeout(1_800_000)
const { work } = sharedPlaces(t)
const folder = join(work, 'anaconda')
mkdirSync(folder, { recursive: true })
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const standIn = await makeStandIn(folder)
cpSync(join(repository, 'test/fixtures/anaconda/appliance'), join(folder, 'root/kickstarts/handover'), { recursive: true })

let stores = 0

function build(source: readonly string[], more: readonly string[] = []): Promise<MainResult & { readonly store: string }> {
  const store = join(folder, `state-${++stores}`)
  const set = [...source, ...more].flatMap(each => ['--set', each])
  const argv = ['build', 'handover', '--until', 'install', '--root', join(folder, 'root'), '--store', store, ...set]
  return runMain(argv).then(result => ({ ...result, store }))
}

const iso = [`el.installerUrl=${standIn.iso}`, `el.installerSha256=${standIn.isoSha256}`]

async function requireHandedOver(t: Test, store: string): Promise<void> {
  const disk = diskOf(store, 'install')
  const { partitions } = await readLayout(disk)
  t.equal(partitions.map(({ kind }) => kind).join(), 'bios-boot,other,other,other', 'partitioned as the kickstart says')
  const root = openExt4({ run: realRun, image: disk, offsetBytes: partitions.at(-1)?.startBytes ?? 0, directory: folder })
  const files = await root.readFiles(['/etc/handed-over', '/root/post.log'])
  t.match(files.get('/etc/handed-over')?.toString(), /^\d+\.\d+/, '%post ran in the installed system')
  t.equal(files.get('/root/post.log')?.toString(), 'a line of the log\n')
}

t.test('a stand-in for Anaconda, from an ISO, with the kickstart over HTTP', async t => {
  const { code, stderr, store } = await build(iso)
  t.equal(code, 0, stderr)
  t.match(stderr, /install: in %pre[\s\S]*install: in %post/, 'its steps are told')
  await requireHandedOver(t, store)
})

t.test('a stand-in for Anaconda, from a tree, with the kickstart on a disk labelled OEMDRV', async t => {
  const server = await startFileServer(standIn.tree)
  t.teardown(server.close)
  const tree = [`el.installerUrl=${server.url}`, `el.installerSha256=${standIn.treeSha256}`]
  const { code, stderr, store } = await build(tree, ['el.kickstartBy=disk'])
  t.equal(code, 0, stderr)
  await requireHandedOver(t, store)
})

/** By the kickstart's fault: what the error begins with, and what explains it. */
const faults: Readonly<Record<string, readonly [message: string, explains: string]>> = {
  question: ['install failed: Anaconda asks: Please make your choice from above', 'No disks selected'],
  disk: ['install failed: Anaconda stopped: Traceback (most recent call last):', 'Disk "sdz" given in ignoredisk command does not exist'],
  package: ['install failed: Anaconda stopped: The installation was stopped due to an error', "the package 'no-such-package' should be installed"],
  script: ['install failed: Anaconda stopped: There was an error running the kickstart script', 'the disk of the demo image is full'],
}

for (const [fault, [message, explains]] of Object.entries(faults)) {
  t.test(`a stand-in for Anaconda that stops (${fault}) fails the stage within a minute, with the lines that explain it`, async t => {
    const { code, stderr, store } = await build(iso, [`params.fault=${fault}`])
    t.equal(code, 4, stderr)
    t.ok(stderr.includes(`error: ${message}`), stderr)
    t.ok(stderr.includes(explains), stderr)
    t.match(readFileSync(join(store, 'logs/install.serial.log'), 'utf8'), 'anaconda 21.48.22.159-1 for CentOS 7 started.')
  })
}
