/** The VMDK that target vmware exports of the shared image, on as much of VMware's hardware as QEMU has. */
import t from 'tap'
import { join } from 'node:path'
import { artifactOf, builtImage, sharedPlaces } from '../fixtures/built-image.js'
import { runCli } from '../fixtures/cli-run.js'
import { bootForeignVm, getAnyCertificate } from '../fixtures/foreign-vm.js'

const places = sharedPlaces(t)
await builtImage(places)

t.test('boots by BIOS from pvscsi, gets its address over vmxnet3, and its API answers', async t => {
  // A release of its own: the shared one keeps its report.
  const artifacts = join(places.work, 'vmdk')
  const { code, stdout, stderr } = await runCli(['build', '--store', places.store, '--artifacts', artifacts, '--target', 'vmware', '--until', 'export'])
  if (code !== 0) t.comment(stderr)
  t.equal(code, 0)
  const release = stdout.trim()
  const folder = release.split('/').at(-1) ?? ''
  const vm = await bootForeignVm(t, { disk: artifactOf(release, `vmware/${folder}`, '.vmdk'), hardware: 'vmware', directory: places.work })
  t.match(vm.serial(), /EVC \{"state":"ready"/)
  const answer = await getAnyCertificate(vm.apiPort, '/1.0')
  t.equal((JSON.parse(answer) as { status: string }).status, 'Success')
})
