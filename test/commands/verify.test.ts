/** verify: digests first, then the checks, and a report in the release. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultExportOptions } from '../../pipeline/targets/index.js'
import { describeFiles, writeManifest, writeSums } from '../../pipeline/stages/release-folder.js'
import type { Manifest } from '../../pipeline/stages/release-folder.js'
import { runMain, stubPrograms } from '../fixtures/main-run.js'

const version = '1.0.0+1'
const tools = { packer: '1', qemu: '1', 'qemu-img': '1', mmdebstrap: '1', tar2sqfs: '1', e2fsprogs: '1', zstd: '1' }

const scripts = ['run-evc.sh', 'teardown-evc.sh', 'status']

/** A release with every file it should have, whose disk is none. */
async function release(directory: string) {
  const folder = join(directory, `ciab-${version}`)
  mkdirSync(join(folder, 'kvm'), { recursive: true })
  for (const name of [`ciab-${version}.qcow2`, 'domain.xml', ...scripts, 'evc-host.sh', 'README.txt']) writeFileSync(join(folder, 'kvm', name), `${name}\n`)
  for (const name of scripts) chmodSync(join(folder, 'kvm', name), 0o755)
  const manifest: Manifest = {
    formatVersion: 1, appliance: 'ciab', title: 'x', version, architecture: 'amd64', date: '2026-01-01T00:00:00.000Z',
    goldenKey: 'aa', specHash: 'bb', tools, packageSources: [], packages: [],
    targets: { kvm: { key: 'cc', options: defaultExportOptions, files: await describeFiles(join(folder, 'kvm'), 'kvm') } },
  }
  await writeManifest(folder, manifest)
  await writeSums(folder, manifest)
  return folder
}

t.test('a folder that is no release is refused', async t => {
  const directory = t.testdir({})
  t.same(await runMain(['verify', directory]), {
    code: 2,
    stdout: '',
    stderr: `error: ${directory} is no release: it has no readable manifest.json. (give the folder that pipeline build printed, artifacts/<appliance>-<version>)\n`,
  })
})

t.test('every changed or missing file is listed, and nothing is booted or written', async t => {
  const directory = t.testdir({})
  const { path, calls } = stubPrograms(join(directory, 'bin'))
  const folder = await release(directory)
  const state = join(directory, 'state')
  const sums = readFileSync(join(folder, 'SHA256SUMS'), 'utf8')
  writeFileSync(join(folder, 'kvm/domain.xml'), 'domain.xmL\n')
  rmSync(join(folder, 'kvm/README.txt'))
  const found = await runMain(['verify', folder, '--store', state], `${path}:/usr/bin:/bin`)
  t.same(found, {
    code: 5,
    stdout: '',
    stderr: [
      `error: 2 files are not as written when the release was made: ${folder}. (copy the release again from where it was built, or build it again)`,
      '  kvm/README.txt: missing',
      '  kvm/domain.xml: changed',
      '',
    ].join('\n'),
  })
  t.same(calls(), [])
  t.notOk(existsSync(join(folder, 'verification.json')))
  t.equal(readFileSync(join(folder, 'SHA256SUMS'), 'utf8'), sums)
})

t.test('every missing validator, and every program that a boot needs, is told before anything is looked at', async t => {
  const directory = t.testdir({})
  const { path, calls } = stubPrograms(join(directory, 'bin'), ['virt-xml-validate', 'xmllint', 'openssl', 'ssh'])
  const folder = await release(directory)
  // What is never played is the real one.
  for (const name of ['setsid', 'mkfifo', 'dd']) symlinkSync(`/usr/bin/${name}`, join(path, name))
  const found = await runMain(['verify', folder, '--store', join(directory, 'state')], path)
  t.same([found.code, found.stdout, calls()], [3, '', []])
  t.equal(found.stderr, [
    'error: 4 problems:',
    '  Could not find "virt-xml-validate", needed to verify kvm. (apt-get install libvirt-clients)',
    '  Could not find "xmllint", needed to verify kvm. (apt-get install libxml2-utils)',
    '  Could not find "openssl", needed to make client certificates for verification. (apt-get install openssl)',
    '  Could not find "ssh", needed to look inside booted artifacts. (apt-get install openssh-client)',
    '',
  ].join('\n'))
  t.notOk(existsSync(join(folder, 'verification.json')))
})

t.test('a manifest that was changed after the sums were written is found', async t => {
  const directory = t.testdir({})
  const folder = await release(directory)
  const file = join(folder, 'manifest.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace('"title": "x"', '"title": "y"'))
  const { code, stderr } = await runMain(['verify', folder, '--store', join(directory, 'state')])
  t.equal(code, 5)
  t.match(stderr, /^error: 1 file is not as written when the release was made: .*\n  manifest\.json: changed\n$/)
})

t.test('a release without sums is not whole', async t => {
  const directory = t.testdir({})
  const folder = await release(directory)
  rmSync(join(folder, 'SHA256SUMS'))
  const { code, stderr } = await runMain(['verify', folder, '--store', join(directory, 'state')])
  t.equal(code, 5)
  t.match(stderr, /\n  SHA256SUMS: missing\n$/)
})

t.test('files that are as written but wrong fail the checks; the report says so and its path is the result', async t => {
  const directory = t.testdir({})
  const { path, calls } = stubPrograms(join(directory, 'bin'))
  // The stub's answer to `qemu-img check` is no JSON; the real program is asked.
  rmSync(join(directory, 'bin/qemu-img'))
  const folder = await release(directory)
  const options = ['--store', join(directory, 'state'), '--accel', 'tcg']
  const found = await runMain(['verify', folder, ...options], `${path}:/usr/bin:/bin`)
  t.equal(found.code, 5)
  t.equal(found.stdout, `${folder}/verification.md\n`)
  t.match(found.stderr, `warning: The description of ciab is not the one this release was built from.\n`)
  t.match(found.stderr, `error: verify failed: 1 check of ${folder} did not pass. (Read ${folder}/verification.md; it must not be published.)\n`)
  t.match(found.stderr, `ciab-${version}.qcow2 is no qcow2 file`)
  const report = JSON.parse(readFileSync(join(folder, 'verification.json'), 'utf8')) as Record<string, unknown>
  t.match(report, { passed: false, verified: { kvm: /^[0-9a-f]{64}$/ } })
  t.match(execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' }), 'verification.json: OK')
  t.same(calls().filter(call => call.startsWith('qemu-system')), ['qemu-system-x86_64 --version'], 'damaged files are not booted')
  const json = await runMain(['verify', folder, '--json', ...options], `${path}:/usr/bin:/bin`)
  t.equal(json.code, 5)
  t.match(JSON.parse(json.stdout), { passed: false, version })
})
