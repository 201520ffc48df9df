/** The el family's way through a build, as plan and dry run show it; programs are stubs. */
import t from 'tap'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, runMain, stubPrograms } from '../fixtures/main-run.js'

const folder = t.testdir({})
const root = join(folder, 'root')
cpSync(join(repository, 'test/fixtures/anaconda/appliance'), join(root, 'kickstarts/handover'), { recursive: true })
const { path } = stubPrograms(join(folder, 'bin'))
let stores = 0

function plan(...set: readonly string[]) {
  const state = join(folder, `state-${++stores}`)
  const argv = ['plan', 'handover', '--accel', 'tcg', '--root', root, '--store', state, ...set.flatMap(each => ['--set', each])]
  return runMain(argv, `${path}:/usr/bin:/bin`).then(result => ({ ...result, dryRun: join(state, 'dry-run/handover') }))
}

t.test('from an ISO: it is copied, compared, and Anaconda\'s kernel is booted by Packer', async t => {
  const { code, stdout, stderr, dryRun } = await plan()
  t.equal(code, 0, stderr)
  const media = `${dryRun}/media`
  t.match(stdout, `# media\ncp --reflink=auto /boot.iso ${media}/installer.iso\necho '${'0'.repeat(64)}  ${media}/installer.iso' | sha256sum --check --quiet\n`)
  t.match(stdout, `\nxorriso -osirrox on -indev ${media}/installer.iso -extract /images/pxeboot/vmlinuz ${media}/vmlinuz\n`)
  t.match(stdout, `packer build -color=false -force ${dryRun}/install/install.json`)
  t.match(readFileSync(join(dryRun, 'install/served/ks.cfg'), 'utf8'), /^cdrom$/m)
  t.match(readFileSync(join(dryRun, 'install/install.json'), 'utf8'), 'inst.repo=cdrom inst.ks=http://{{ .HTTPIP }}:{{ .HTTPPort }}/ks.cfg ')
})

t.test('from a tree on this machine, with the kickstart on a labelled disk: the guest gets another name for loopback', async t => {
  const { code, stdout, stderr, dryRun } = await plan('el.installerUrl=http://127.0.0.1:8000/os', 'el.kickstartBy=disk')
  t.equal(code, 0, stderr)
  t.match(stdout, `curl --fail --location --create-dirs --output ${dryRun}/media/served/.treeinfo http://127.0.0.1:8000/os/.treeinfo\n`)
  t.match(stdout, `xorriso -as mkisofs -quiet -o ${dryRun}/install/oemdrv.iso -V OEMDRV `)
  t.match(readFileSync(join(dryRun, 'install/kickstart/ks.cfg'), 'utf8'), /^url --url=http:\/\/10\.0\.2\.2:8000\/os$/m)
})

t.test('where the copies of its addresses are is no part of a stage\'s key', async t => {
  const keys = async (...set: readonly string[]) => /^release: (.*)$/m.exec((await plan(...set)).stdout)?.[1]?.split('/').at(-1)
  const tree = 'el.installerUrl=https://vault.example/os/'
  t.equal(await keys(tree, 'el.mirror=http://mirror.example/copies'), await keys(tree))
})
