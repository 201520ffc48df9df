/** The main job for real, from an empty stage store; what it builds is the image that all integration tests share. */
import t from 'tap'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifactOf, sharedPlaces } from '../fixtures/built-image.js'
import { repository, runCli, startCli } from '../fixtures/cli-run.js'
import { bootForeignVm, getAnyCertificate } from '../fixtures/foreign-vm.js'
import { startMirrorRelay } from '../fixtures/mirror-relay.js'
import { listeners, processesWith, vmsWith, watchdogsWith, within } from '../fixtures/processes.js'

const { work, store, options: places } = sharedPlaces(t)
const relay = await startMirrorRelay()
t.teardown(() => relay.close())
const build = ['build', ...places, '--mirror', relay.url]

interface Report {
  readonly passed: boolean
  readonly checks: readonly { readonly boot?: string; readonly name: string; readonly status: string; readonly found: string }[]
}

function report(release: string): Report {
  return JSON.parse(readFileSync(join(release, 'verification.json'), 'utf8')) as Report
}

/** The virtual machine that the killed build has left, and the release of the build after it. */
const built = { orphan: 0, release: '' }

t.test('a build from an empty store is killed with -9 in the middle of its install, and so is its watchdog', async t => {
  const running = startCli(build)
  await running.until(/^install: copy the system$/m)
  t.match(running.said(), /^media: started$/m, 'nothing was stored before')
  const before = vmsWith(work)
  for (const { pid } of watchdogsWith(store)) process.kill(pid, 'SIGKILL')
  process.kill(running.child.pid ?? 0, 'SIGKILL')
  await running.ended
  t.equal(before.length, 1)
  t.same(vmsWith(work), before, 'the virtual machine has outlived both')
  built.orphan = before[0]?.pid ?? 0
})

t.test('the next build ends what that one left, goes on from the last finished stage, boots and verifies a cloud in a box, and listens on loopback only', async t => {
  const seen = new Map<string, string>()
  const watch = setInterval(() => {
    for (const { address, program } of listeners()) {
      if (/qemu|packer/.test(program)) seen.set(address.replace(/:\d+$/, ''), program)
    }
  }, 1000)
  const { code, stdout, stderr } = await runCli(build)
  clearInterval(watch)
  if (code !== 0) t.comment(stderr)
  t.equal(code, 0)
  t.match(stderr, new RegExp(`^Ended the virtual machine of install \\(pid ${built.orphan}\\), left by a build that was killed\\.$`, 'm'))
  t.match(stderr, /^Removed install-\S+\.tmp-\d+, left by a build that was killed\.$/m)
  t.match(stderr, /^media: stored\ninstall: started\n[^]*^install: completed/m)
  t.same(vmsWith(work), [])
  built.release = stdout.trim()
  t.ok(existsSync(join(built.release, 'kvm')), 'the only line on stdout is the folder of the release')
  t.same([...seen.keys()], ['127.0.0.1'], 'QEMU and Packer listened, and on loopback only')
  t.equal(report(built.release).passed, true)
  const required = [
    'ready', 'API takes the token', 'container started through the API', 'virtual machine started with KVM in the guest',
    'credentials are shown nowhere else', 'copies share nothing',
  ]
  const passed = report(built.release).checks.filter(check => check.status === 'passed').map(check => check.name)
  for (const name of required) t.ok(passed.includes(name), `verification passed: ${name}`)
  const sums = execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd: built.release, encoding: 'utf8' })
  t.equal(sums, '')
  t.ok(statSync(artifactOf(built.release, 'kvm', '.qcow2')).size < 450 * 1024 * 1024, 'the compressed image is below 450 MiB')
})

t.test('boots that file by a command line that is not ours, and its API answers', async t => {
  const vm = await bootForeignVm(t, { disk: artifactOf(built.release, 'kvm', '.qcow2'), directory: work })
  t.match(vm.serial(), /EVC \{"state":"ready"/)
  const answer = await getAnyCertificate(vm.apiPort, '/1.0')
  t.equal((JSON.parse(answer) as { status: string }).status, 'Success')
})

t.test('runs nothing again when nothing changed, and the mirror says so itself', async t => {
  const before = relay.notModified()
  const { code, stdout, stderr } = await runCli(build)
  t.equal(code, 0)
  t.equal(stdout.trim(), built.release)
  t.notMatch(stderr, /started|completed/)
  t.equal(relay.notModified() - before, 3, 'each of the three indexes was not modified')
})

/** A disk of this size, for what a build exports. */
function smallDisk(t: { teardown(done: () => void): unknown }, name: string, mib: number): string {
  const small = join(work, name)
  mkdirSync(small, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', small])
  t.teardown(() => execFileSync('umount', [small]))
  return small
}

const filesBelow = (folder: string) => execFileSync('find', [folder, '-type', 'f'], { encoding: 'utf8' }).split('\n').filter(Boolean)

t.test('refuses an export that will not fit, with both numbers, before it begins', async t => {
  const small = smallDisk(t, 'small', 100)
  const { code, stderr } = await runCli(['build', '--store', store, '--artifacts', small, '--mirror', relay.url])
  t.equal(code, 3)
  t.match(stderr, /^error: The export needs about \d+ MiB on the disk of \S+\/small\S*, and 100 MiB are free\./m)
  t.same(filesBelow(small), [])
})

t.test('a disk that fills up during the export is told, and nothing half-written stays', async t => {
  const small = smallDisk(t, 'filling', 600)
  const running = startCli(['build', '--store', store, '--artifacts', small, '--mirror', relay.url])
  t.ok(await within(60_000, () => filesBelow(small).some(path => path.endsWith('.qcow2'))), 'the export has begun')
  // Somebody else takes the rest; dd ends when there is none.
  spawnSync('dd', ['if=/dev/zero', `of=${join(small, 'filler')}`, 'bs=1M'], { stdio: 'ignore' })
  const { code, stderr } = await running.ended
  t.equal(code, 4)
  t.match(stderr, /^error: No space left for the export of kvm on the disk of \S+\/filling\S* \(\d+ MiB free\)\./m)
  t.same(filesBelow(small), [join(small, 'filler')])
})

/** A copy of the appliance with another first line in its %pre: install runs again, media does not. */
function changedRoot(name: string, pre: string): string {
  const root = join(work, name)
  cpSync(join(repository, 'kickstarts'), join(root, 'kickstarts'), { recursive: true })
  const file = join(root, 'kickstarts/ciab/ciab.ks.hbs')
  writeFileSync(file, `${readFileSync(file, 'utf8')}\n%pre --erroronfail\n${pre}\n%end\n`)
  return root
}

t.test('an install that never ends is stopped with its last words', async t => {
  const root = changedRoot('endless', 'sleep 3600')
  const { code, stderr } = await runCli([...build, '--root', root, '--set', 'timeouts.installSeconds=5'])
  t.equal(code, 4)
  t.match(stderr, /^error: install did not end within \d+ s: its last step was "run %pre"/m)
  t.match(stderr, /last lines of its serial console:/)
  t.same(vmsWith(work), [])
})

t.test('an install that fails names the line of the kickstart', async t => {
  const root = changedRoot('failing', 'exit 7')
  const { code, stderr } = await runCli([...build, '--root', root])
  t.equal(code, 4)
  t.match(stderr, /^error: install failed: ciab\.ks\.hbs:\d+: could not run %pre: exit code 7/m)
  t.same(readdirSync(join(store, 'store')).filter(name => name.includes('.tmp-')), [])
})

const victims = {
  pipeline: (cli: number) => cli,
  Packer: () => processesWith(work).find(({ commandLine }) => commandLine.startsWith('packer build'))?.pid ?? 0,
}

for (const [victim, pidOf] of Object.entries(victims)) {
  t.test(`after kill -9 of ${victim} its virtual machine is gone within 5 s`, async t => {
    const running = startCli([...build, '--root', changedRoot(`killed-${victim}`, 'sleep 3600')])
    await running.until(/^install: run %pre$/m)
    t.equal(vmsWith(work).length, 1)
    process.kill(pidOf(running.child.pid ?? 0), 'SIGKILL')
    t.ok(await within(5000, () => vmsWith(work).length === 0), 'no virtual machine is left')
    await running.ended
  })
}

t.test('Ctrl-C ends every child, leaves no half-named file, and exits with 130', async t => {
  const running = startCli([...build, '--root', changedRoot('interrupted', 'sleep 3600')])
  await running.until(/^install: run %pre$/m)
  running.child.kill('SIGINT')
  t.equal((await running.ended).code, 130)
  t.ok(await within(3000, () => processesWith(work).length === 0), 'no process of it is left, watchdogs included')
  t.same(readdirSync(join(store, 'store')).filter(name => name.includes('.tmp-')), [])
})

t.test('a mirror that breaks off in the middle is named, and nothing half-made stays', async t => {
  relay.breakPackages()
  // Another package set: the media is bootstrapped anew.
  const root = changedRoot('broken-mirror', 'true')
  const file = join(root, 'kickstarts/ciab/ciab.ks.hbs')
  writeFileSync(file, readFileSync(file, 'utf8').replace('\nless\n', '\nless\nhello\n'))
  const { code, stderr } = await runCli([...build, '--root', root])
  t.equal(code, 4)
  t.match(stderr, /^error: mmdebstrap could not bootstrap the media\./m)
  t.match(stderr, /name another mirror with --mirror URL/)
  t.same(readdirSync(join(store, 'store')).filter(name => name.includes('.tmp-')), [])
})

t.test('a shortened file in the store is named, and its stage alone runs again', async t => {
  const [folder = ''] = readdirSync(join(store, 'store')).filter(name => name.startsWith('audit-'))
  truncateSync(join(store, 'store', folder, 'audit.json'), 10)
  const { code, stdout, stderr } = await runCli(build)
  t.equal(code, 0)
  t.equal(stdout.trim(), built.release)
  t.match(stderr, /^warning: The stored result of audit is damaged: audit\.json has 10 bytes, .* expected\. Running audit again\.$/m)
  t.same(stderr.match(/^\w+: (?=stored$|completed)/gm), ['media: ', 'install: ', 'provision: ', 'audit: ', 'export: ', 'verify: '])
  t.same(stderr.match(/^\w+(?=: completed)/gm), ['audit'])
})
