/** The el family's way through a build, as plan and dry run show it; programs are stubs. */
import t from 'tap'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { startFileServer } from '../fixtures/file-server.js'
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

t.test("from a tree, the lines of media are commands that a shell runs: they fetch what .treeinfo names, and hold it to that", async t => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const files = { 'images/pxeboot/vmlinuz': 'a kernel', 'images/pxeboot/initrd.img': 'an initrd', 'LiveOS/squashfs.img': 'stage 2', 'repodata/repomd.xml': '<repomd/>' }
  const info = [
    '[general]', 'version = 7', '[images-xen]', 'kernel = images/xen/vmlinuz', '[images-x86_64]', 'kernel = images/pxeboot/vmlinuz', 'initrd = images/pxeboot/initrd.img',
    '[stage2]', 'mainimage = LiveOS/squashfs.img', '[checksums]', ...Object.entries(files).map(([path, text]) => `${path} = sha256:${sha256(text)}`), '',
  ].join('\n')
  const tree = join(folder, 'tree')
  for (const [path, text] of Object.entries({ ...files, '.treeinfo': info })) {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), text)
  }
  const server = await startFileServer(tree)
  t.teardown(server.close)
  const { code, stdout, stderr, dryRun } = await plan(`el.installerUrl=${server.url}`, `el.installerSha256=${sha256(info)}`)
  t.equal(code, 0, stderr)
  const lines = /^# media\n(.*?)\n\n?# install$/ms.exec(stdout)?.[1] ?? ''
  const run = () => promisify(execFile)('sh', ['-ec', lines])
  await run()
  const media = (name: string) => readFileSync(join(dryRun, 'media', name), 'utf8')
  t.same([media('vmlinuz'), media('initrd.img'), media('served/LiveOS/squashfs.img')], ['a kernel', 'an initrd', 'stage 2'])
  t.match(stdout, `cp --recursive --link --force ${dryRun}/media/served/. ${dryRun}/install/served\n`)
  writeFileSync(join(tree, 'images/pxeboot/initrd.img'), 'another')
  t.equal(await run().then(() => 0, ({ code }: { code: number }) => code), 1, 'a file that is not what .treeinfo says')
})

t.test('RHEL 6 is booted with its own arguments, and its build ends at install', async t => {
  cpSync(join(root, 'kickstarts/handover'), join(root, 'kickstarts/old'), { recursive: true })
  writeFileSync(join(root, 'kickstarts/old/minimal.ks.hbs'), [
    'install', 'cmdline', 'url --url={{source.tree}}', 'lang en_US.UTF-8', 'keyboard us', 'timezone --utc Etc/UTC', 'rootpw --lock --iscrypted x',
    'bootloader --location=mbr', 'zerombr', 'clearpart --all --initlabel', 'part / --fstype=ext4 --size=1024 --grow', 'poweroff', '%packages', '@core', '%end', '',
  ].join('\n'))
  const set = ['release=6.10', 'el.installerUrl=http://vault.example/6.10/os'].flatMap(each => ['--set', each])
  const state = join(folder, `state-${++stores}`)
  const argv = ['build', 'old', '--dry-run', '--accel', 'tcg', '--root', root, '--store', state, ...set]
  const install = await runMain([...argv, '--until', 'install'], `${path}:/usr/bin:/bin`)
  t.equal(install.code, 0, install.stderr)
  t.match(
    readFileSync(join(state, 'dry-run/old/install/install.json'), 'utf8'),
    'repo=http://vault.example/6.10/os stage2=http://{{ .HTTPIP }}:{{ .HTTPPort }}/images/install.img ks=http://{{ .HTTPIP }}:{{ .HTTPPort }}/ks.cfg ksdevice=eth0 '
  )
  const whole = await runMain(argv, `${path}:/usr/bin:/bin`)
  t.equal(whole.code, 2)
  t.match(whole.stderr, 'error: Release 6.10 of the el family can be installed, and not be made into an appliance')
})

t.test('more time for the installer is no part of its key', async t => {
  const release = async (...set: readonly string[]) => /^release: (.*)$/m.exec((await plan(...set)).stdout)?.[1]?.split('/').at(-1)
  t.equal(await release('timeouts.installSeconds=9000'), await release())
})

t.test('where the copies of its addresses are is no part of a stage\'s key', async t => {
  const keys = async (...set: readonly string[]) => /^release: (.*)$/m.exec((await plan(...set)).stdout)?.[1]?.split('/').at(-1)
  const tree = 'el.installerUrl=https://vault.example/os/'
  t.equal(await keys(tree, 'el.mirror=http://mirror.example/copies'), await keys(tree))
})
