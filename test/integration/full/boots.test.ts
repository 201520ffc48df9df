/** Boots of the shared image that the quick tier has no time for. */
import t from 'tap'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifactOf, builtImage, sharedPlaces } from '../../fixtures/built-image.js'
import { repository, runCli } from '../../fixtures/cli-run.js'
import { bootForeignVm, getAnyCertificate } from '../../fixtures/foreign-vm.js'

const places = sharedPlaces(t)
const { release } = await builtImage(places)
const disk = artifactOf(release, 'kvm', '.qcow2')

t.test('boots by UEFI with a command line that is not ours, and its API answers', async t => {
  const vm = await bootForeignVm(t, { disk, firmware: 'uefi', directory: places.work })
  t.match(vm.serial(), /EVC \{"state":"ready"/)
  const answer = await getAnyCertificate(vm.apiPort, '/1.0')
  t.equal((JSON.parse(answer) as { status: string }).status, 'Success')
})

t.test('becomes ready at its own address on a machine with two cards where no DHCP server answers, and at that of one that comes late', async t => {
  const vm = await bootForeignVm(t, { disk, network: 'silent', directory: places.work })
  t.match(vm.serial(), /EVC \{"state":"ready",[^\n]*"address":"192\.168\.42\.2"/)
  vm.joinNetwork()
  t.ok(await vm.says(/EVC \{"state":"ready",[^\n]*"address":"10\.0\.2\.1\d"/), vm.serial().slice(-1000))
})

t.test('has the address of its first-boot settings, where nobody answers DHCP', async t => {
  const vm = await bootForeignVm(t, { disk, network: 'silent', settings: 'address=192.168.7.5/24\ngateway=192.168.7.1\n', directory: places.work })
  t.match(vm.serial(), /EVC \{"state":"ready",[^\n]*"address":"192\.168\.7\.5"/)
})

t.test('a first boot that cannot go on names its step and the reason, on the serial port', async t => {
  const vm = await bootForeignVm(t, { disk, network: 'none', directory: places.work })
  t.match(vm.serial(), /EVC \{"state":"failed",[^\n]*"step":"network","reason":"there is no network card: add one to this machine and start it again"/)
})

t.test('a build whose first boot fails at a step is refused with the step and its reason', async t => {
  const root = join(places.work, 'failing-step')
  cpSync(join(repository, 'kickstarts'), join(root, 'kickstarts'), { recursive: true })
  const step = join(root, 'kickstarts/ciab/first-boot/usr/lib/evc/steps/40-cloud')
  const text = readFileSync(step, 'utf8')
  const changed = text.replace('\nwait_for_daemon\n', "\nfail 'this cloud was broken by a test'\n")
  t.not(changed, text)
  writeFileSync(step, changed)
  const { code, stdout, stderr } = await runCli(['build', ...places.options, '--root', root])
  t.equal(code, 5)
  t.equal(stdout, '')
  t.match(stderr, /^ {2}kvm, bios: ready: The appliance's set-up failed at step "cloud": this cloud was broken by a test\.$/m)
})
