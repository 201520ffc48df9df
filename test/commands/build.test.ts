/** build: an unchanged appliance runs nothing. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goldenDiskOf } from '../../pipeline/run/golden.js'
import { prepareBuild } from '../../pipeline/run/prepare.js'
import { openStore } from '../../pipeline/run/store.js'
import { defaultExportOptions } from '../../pipeline/targets/index.js'
import { describeFiles, writeManifest } from '../../pipeline/stages/release-folder.js'
import { isVerified } from '../../pipeline/stages/verify-release.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { mirrorUrl, repository, runMain, stubPrograms } from '../fixtures/main-run.js'

const contents = {
  media: ['root.squashfs', 'vmlinuz', 'initrd.img', 'build-secrets.json'],
  install: ['disk.raw', 'build-secrets.json'],
  provision: ['disk.raw', 'build-secrets.json'],
  audit: ['audit.json'],
} as const

/** State and release as a build leaves them, but for what is in the files. */
async function built(directory: string) {
  const { path, calls } = stubPrograms(join(directory, 'bin'))
  const [state, artifacts] = [join(directory, 'state'), join(directory, 'artifacts')]
  const { signal } = new AbortController()
  const request = {
    root: repository, templates: join(repository, 'templates'), state, appliance: 'ciab',
    targets: ['kvm'], set: [], mirror: mirrorUrl, exportOptions: defaultExportOptions, offline: false, env: {}, signal,
  }
  const build = await prepareBuild(request, createRun({ signal, parentEnv: { ...process.env, PATH: path } }))
  const store = openStore(join(state, 'store'), () => {})
  for (const [stage, names] of Object.entries(contents)) {
    const { inputs } = build.stages[stage as keyof typeof contents]
    await store.build({ stage, appliance: 'ciab', inputs, signal }, async folder => {
      for (const name of names) writeFileSync(join(folder, name), '[]')
      return {}
    })
  }
  const release = join(artifacts, `ciab-${build.version}`)
  mkdirSync(join(release, 'kvm'), { recursive: true })
  writeFileSync(join(release, 'kvm/disk.qcow2'), 'disk')
  const files = await describeFiles(join(release, 'kvm'), 'kvm')
  const { spec, tools, version, specHash } = build
  await writeManifest(release, {
    formatVersion: 1, appliance: spec.name, title: spec.title, version, architecture: spec.architecture, date: '', specHash, tools,
    goldenKey: build.stages.audit.key, packageSources: [], packages: [], targets: { kvm: { key: build.exportKeys['kvm'] ?? '', options: defaultExportOptions, files } },
  })
  const [file] = files
  const passed = { formatVersion: 1, passed: true, checks: [], verified: { kvm: digestOf(file) } }
  writeFileSync(join(release, 'verification.json'), JSON.stringify(passed))
  return { path, calls, release, build, store, options: ['--mirror', mirrorUrl, '--store', state, '--artifacts', artifacts] }
}

/** Written out here on purpose: a report made by today's program must be believed by tomorrow's. */
function digestOf(file: { readonly sha256: string; readonly sizeBytes: number; readonly path: string } | undefined): string {
  return createHash('sha256').update(`${file?.sha256} ${file?.sizeBytes} ${file?.path}\n`).digest('hex')
}

t.test('when every result is stored, nothing runs and acceleration is not even asked for', async t => {
  const { path, calls, release, options } = await built(t.testdir({}))
  const asked = calls().length
  const found = await runMain(['build', ...options], `${path}:/usr/bin:/bin`)
  t.same(found, {
    code: 0,
    stdout: `${release}\n`,
    stderr: 'media: stored\ninstall: stored\nprovision: stored\naudit: stored\nexport: stored\nverify: stored\n',
  })
  const questions = /^(packer version|\S+ (--version|-V)|apt-config dump .*|apt-get .* update --error-on=any)$/
  t.same(calls().slice(asked).filter(call => !questions.test(call)), [], 'programs were only asked for their versions, and apt for news')
  t.equal(calls().slice(asked).filter(call => call.startsWith('qemu-system')).length, 1, 'QEMU too, and once')
})

t.test('a plan of it says so', async t => {
  const { path, options } = await built(t.testdir({}))
  const { code, stdout } = await runMain(['plan', ...options], `${path}:/usr/bin:/bin`)
  t.equal(code, 0)
  t.match(stdout, /^media {6}stored\ninstall {4}stored\nprovision {2}stored\naudit {6}stored\nexport {5}stored\nverify {5}stored\n/m)
  t.match(stdout, /\n# nothing to do: every stage is stored\n$/)
})

t.test('a report counts only for the files it was made of, and only when it passed', async t => {
  const { release, path, options } = await built(t.testdir({}))
  t.equal(await isVerified(release, ['kvm']), true)
  t.equal(await isVerified(release, ['kvm', 'other']), false)
  const report = join(release, 'verification.json')
  const text = readFileSync(report, 'utf8')
  for (const [from, to] of [['"passed":true', '"passed":false'], ['"kvm":"', '"kvm":"0']] as const) {
    writeFileSync(report, text.replace(from, to))
    t.equal(await isVerified(release, ['kvm']), false, to)
  }
  const { stdout } = await runMain(['plan', ...options, '--accel', 'tcg'], `${path}:/usr/bin:/bin`)
  t.match(stdout, /^export {5}stored\nverify {5}runs /m, 'the plan sees it, too')
})

t.test('a shortened file is exported again', async t => {
  const { release, path, options } = await built(t.testdir({}))
  truncateSync(join(release, 'kvm/disk.qcow2'), 1)
  const { stdout } = await runMain(['plan', ...options, '--accel', 'tcg'], `${path}:/usr/bin:/bin`)
  t.match(stdout, /^audit {6}stored\nexport {5}runs .*\nverify {5}runs /m)
  t.match(stdout, /^qemu-img convert .* \S*\/state\/store\/provision-\w+\/disk\.raw /m, 'from the stored disk')
  t.notMatch(stdout, /mmdebstrap/, 'and no stored stage has commands')
})

t.test('--until ends the plan there', async t => {
  const { path, options, release } = await built(t.testdir({}))
  const { code, stdout, stderr } = await runMain(['build', '--until', 'install', ...options], `${path}:/usr/bin:/bin`)
  t.same([code, stdout, stderr], [0, `${release}\n`, 'media: stored\ninstall: stored\n'])
})

t.test('the golden disk of a release is found by its key, while it is stored', async t => {
  const { store, build } = await built(t.testdir({}))
  const provision = await store.lookup('provision', build.stages.provision.inputs)
  t.same(await goldenDiskOf(store, build.stages.audit.key), { path: join(provision?.directory ?? '', 'disk.raw'), format: 'raw' })
  t.equal(await goldenDiskOf(store, 'another'), undefined)
  truncateSync(join(provision?.directory ?? '', 'disk.raw'), 0)
  t.equal(await goldenDiskOf(store, build.stages.audit.key), undefined, 'a damaged one is none')
})
