/** The command line as a whole: what a user types, and every word and exit code that comes back. */
import t from 'tap'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireSpace } from '../pipeline/commands/session.js'
import type { Session } from '../pipeline/commands/session.js'
import { exitCodeMeanings, exitCodes } from '../pipeline/errors/exit-codes.js'
import { PipelineError, formatError } from '../pipeline/errors/pipeline-error.js'
import { loadTargets } from '../pipeline/targets/index.js'
import { matchGolden } from './fixtures/golden.js'
import { mirrorUrl, repository, runMain, stubPrograms } from './fixtures/main-run.js'
import type { MainResult } from './fixtures/main-run.js'

const failed = (code: number, stderr: string): MainResult => ({ code, stdout: '', stderr: `${stderr}\n` })

t.test('--help lists every command and every exit code, on stdout', async t => {
  const { code, stdout, stderr } = await runMain(['--help'])
  t.same([code, stderr], [0, ''])
  for (const [name, number] of Object.entries(exitCodes)) {
    t.match(stdout, `${String(number).padStart(5)}  ${exitCodeMeanings[name as keyof typeof exitCodes]}\n`)
  }
  for (const name of ['build', 'plan', 'render', 'check', 'verify', 'targets', 'doctor', 'iso', 'clean']) t.match(stdout, new RegExp(`^  ${name} `, 'm'))
})

t.test('what is mistyped on the command line is named, with what was meant', async t => {
  const table: readonly (readonly [readonly string[], string])[] = [
    [['biuld'], "error: unknown command 'biuld'\n(Did you mean build?)"],
    [['build', '--targt', 'kvm'], "error: unknown option '--targt'\n(Did you mean --target?)"],
    [['build', 'ciap'], 'error: There is no appliance "ciap". (Did you mean "ciab"?)'],
    [['plan', 'ciap'], 'error: There is no appliance "ciap". (Did you mean "ciab"?)'],
    [['build', '--target', 'kvn'], 'error: There is no target "kvn". (Did you mean "kvm"?)'],
    [
      ['build', '--until', 'instal'],
      'error: Unknown stage "instal" for --until. (known stages: render, media, install, provision, audit, export, verify)',
    ],
    [
      ['plan', '--accel', 'xen'],
      "error: option '--accel <kind>' argument 'xen' is invalid. Allowed choices are auto, kvm, tcg.",
    ],
    ...['foo', '', 'ftp://mirror.example/debian', 'http:debian', 'http:///debian', 'http://a b/debian', 'https://mirror.example/?x'].map(
      url =>
        [
          ['plan', '--mirror', url],
          `error: option '--mirror <url>' argument '${url}' is invalid. Write it like http://HOST/debian or https://HOST/debian.`,
        ] as const
    ),
    [['verify'], "error: missing required argument 'release'"],
    [['doctor', '--field', 'colour'], 'error: Unknown field "colour". (known fields: acceleration)'],
    [
      ['build', '--version', '../x'],
      "error: option '--version <text>' argument '../x' is invalid. Use letters, digits and . + ~ _ - and start with a letter or digit.",
    ],
  ]
  const places = ['--store', join(t.testdir({}), 'state'), '--artifacts', join(t.testdirName, 'artifacts')]
  for (const [argv, message] of table) {
    const own = argv[0] === 'build' || argv[0] === 'plan' ? places : []
    t.same(await runMain([...argv, ...own]), failed(2, message), argv.join(' '))
  }
  t.notOk(existsSync(join(t.testdirName, 'artifacts')), 'no release was begun')
})

/** Paths, keys, the version's digits made of them, and free space differ from machine to machine, or with every change. */
function withoutThisMachine(text: string, directory: string): string {
  return text
    .replaceAll(directory, '/build')
    .replaceAll(repository, '/repository/')
    .replace(/\b[0-9a-f]{64}\b/g, 'KEY')
    .replace(/\+\d{8}\.[0-9a-f]{8}/g, '+DATE.KEY')
    .replace(/\([\d.]+ GiB free\)/, '(N GiB free)')
    .replace(/"freeBytes": \d+/, '"freeBytes": 0')
}

/** A copy of the appliance with one file changed, checked. */
async function checkChanged(root: string, file: string, change: (text: string) => string): Promise<MainResult> {
  cpSync(join(repository, 'kickstarts'), join(root, 'kickstarts'), { recursive: true })
  const path = join(root, 'kickstarts/ciab', file)
  const text = readFileSync(path, 'utf8')
  const changed = change(text)
  if (changed === text) throw new Error(`nothing was changed in ${file}`)
  writeFileSync(path, changed)
  return await runMain(['check', 'ciab', '--root', root])
}

t.test('appliances as they are have no problems, and that is a result', async t => {
  t.same(await runMain(['check', '--strict']), { code: 0, stdout: 'ciab: no problems\neucalyptus: no problems\n', stderr: '' })
})

t.test('an appliance without a script of provision is no appliance', async t => {
  const root = t.testdir({})
  cpSync(join(repository, 'kickstarts'), join(root, 'kickstarts'), { recursive: true })
  for (const name of ['ciab', 'eucalyptus']) {
    const folder = join(root, 'kickstarts', name, 'provision')
    for (const script of readdirSync(folder).filter(file => file.endsWith('.sh'))) rmSync(join(folder, script))
    const message = `${folder} holds no script (*.sh): nothing lays down the first boot, and nothing seals the disk.`
    t.same(await runMain(['check', name, '--root', root]), failed(2, `error: ${message} (Begin with those of kickstarts/ciab/provision.)`))
  }
})

t.test('--release is refused where only appliances are checked: theirs stands in their description', async t => {
  const message = '--release changes nothing here: it is for kickstart files; the release of an appliance stands in its appliance.yaml.'
  t.same(await runMain(['check', 'ciab', '--release', '7']), failed(2, `error: ${message} (leave it out, or say what it is for)`))
})

t.test('a reader that goes away is no error; a place that takes no more is one', async t => {
  const cli = [process.execPath, ...process.execArgv, 'pipeline/cli.ts'].map(word => `'${word}'`).join(' ')
  const shell = (line: string) => spawnSync('bash', ['-c', line.replaceAll('CLI', cli)], { cwd: repository, encoding: 'utf8' })
  // The reader has ended before the first word.
  const gone = shell('exec 3> >(exec true); sleep 0.5; CLI targets >&3')
  t.same([gone.status, gone.stderr], [0, ''])
  const silent = shell('exec 3> >(exec true); sleep 0.5; CLI check nope 2>&3')
  t.equal(silent.status, 2)
  const full = shell('CLI targets >/dev/full')
  t.equal(full.status, 4)
  t.match(full.stderr, /^error: Cannot write to standard output: .*ENOSPC.* \(send it to a place that takes it/)
})

t.test('check takes kickstart files, for the release that is meant; warnings are no failure unless they shall be', async t => {
  const directory = t.testdir({ 'a.ks': 'rootpw secret\nbootloader\nreqpart\n', 'b.cfg': '#version=RHEL7\nrootpw --lock\nbootloader\n' })
  const [a, b] = [join(directory, 'a.ks'), join(directory, 'b.cfg')]
  const warning = `warning: ${a}:1: rootpw holds a password in plain text (--iscrypted takes its hash)\n`
  t.same(await runMain(['check', a, b, '--release', '7']), { code: 0, stdout: `${a}: 1 warning for RHEL7\n${b}: no problems for RHEL7\n`, stderr: warning })
  const refused = `error: ${a}:3: RHEL6 has no command "reqpart". (Take it out, or describe the same in a %post script.)`
  t.same(await runMain(['check', a, '--release', '6']), failed(2, refused))
  const strict = `error: ${a}:1: rootpw holds a password in plain text (--iscrypted takes its hash). (Without --strict this is a warning.)`
  t.same(await runMain(['check', a, '--release', '7', '--strict']), failed(2, strict))
  const nowhere = join(directory, 'none.ks')
  t.same(await runMain(['check', nowhere]), failed(2, `error: Could not read the kickstart ${nowhere}: ENOENT. (Look at it: ls -l ${nowhere})`))
})

t.test('three mistakes in a description are told at once, and no build begins', async t => {
  const root = t.testdir({})
  const found = await checkChanged(root, 'appliance.yaml', text =>
    text.replace('cpus: 2', 'cpus: many').replace('diskGib: 10', 'diskGb: 10').replace('nestedVirt: required', 'nestedVirt: maybe')
  )
  t.equal(found.code, 2)
  t.equal(found.stdout, '')
  t.equal(found.stderr, [
    'error: 3 problems:',
    '  kickstarts/ciab/appliance.yaml:13: hardware.diskGb: unknown key (Did you mean "hardware.diskGib"?)',
    '  kickstarts/ciab/appliance.yaml:11: hardware.cpus: must be a whole number, found "many"',
    '  kickstarts/ciab/appliance.yaml:14: nestedVirt: must be required or off, found "maybe"',
    '',
  ].join('\n'))
  const built = await runMain(['build', '--root', root])
  t.same(built, found, 'build says the same')
  t.notOk(existsSync(join(root, 'artifacts')))
})

t.test('mistakes in a kickstart are told with file and line', async t => {
  const root = t.testdir({})
  const file = join(root, 'kickstarts/ciab/ciab.ks.hbs')
  const table: readonly (readonly [string, string, string, string])[] = [
    ['a section that is not closed', '%end\n\n%post', '\n%post', `${file}:23: %packages has no %end. (Close the section with a line %end.)`],
    ['an unknown command', 'zerombr', 'zerombrr', `${file}:16: there is no command "zerombrr". (Did you mean "zerombr"?)`],
    ['an unknown option', 'poweroff', 'poweroff --fast', `${file}:21: poweroff has no option "--fast". (Options: none.)`],
    [
      'two root partitions', 'part / --fs', 'part / --fstype=ext4 --size=100\npart / --fs',
      `${file}:20: this is a second root partition; the first is at ${file}:19. (Keep one part /.)`,
    ],
    ['a value that is not there', '{{spec.hostname}}', '{{spec.hostnam}}', `${file}:5: unknown value "spec.hostnam" (Did you mean "hostname"?)`],
  ]
  for (const [name, from, to, message] of table) {
    const found = await checkChanged(root, 'ciab.ks.hbs', text => text.replace(from, to))
    t.same(found, failed(2, `error: ${message}`), name)
  }
})

/** PATH with every program of this host but those named. */
function pathWithout(directory: string, names: readonly string[]): string {
  mkdirSync(directory)
  for (const name of readdirSync('/usr/bin')) if (!names.includes(name)) symlinkSync(`/usr/bin/${name}`, join(directory, name))
  return directory
}

t.test('a missing program is named with its reason and its package, before anything is made', async t => {
  const directory = t.testdir({})
  const state = join(directory, 'state')
  const { path } = stubPrograms(join(directory, 'bin'), ['packer'])
  const rest = pathWithout(join(directory, 'rest'), ['packer'])
  const artifacts = join(directory, 'artifacts')
  const found = await runMain(['build', '--mirror', mirrorUrl, '--store', state, '--artifacts', artifacts], `${path}:${rest}`)
  t.same(found, failed(3, 'error: Could not find "packer", needed to install and provision. (apt-get install packer)'))
  t.notOk(existsSync(artifacts))
  t.notOk(existsSync(join(state, 'store')))
})

t.test('programs of early and late stages are missed before the first stage, all at once', async t => {
  const directory = t.testdir({})
  const gone = ['virt-xml-validate', 'packer', 'mdir']
  const { path } = stubPrograms(join(directory, 'bin'), gone)
  const rest = pathWithout(join(directory, 'rest'), gone)
  const options = ['--mirror', mirrorUrl, '--store', join(directory, 'state'), '--artifacts', join(directory, 'artifacts')]
  const message = [
    'error: 3 problems:',
    '  Could not find "packer", needed to install and provision. (apt-get install packer)',
    '  Could not find "mdir", needed to read the EFI system partition. (apt-get install mtools)',
    '  Could not find "virt-xml-validate", needed to check libvirt domain XML. (apt-get install libvirt-clients)',
  ].join('\n')
  for (const words of [['build'], ['build', '--dry-run'], ['plan']]) {
    t.same(await runMain([...words, ...options], `${path}:${rest}`), failed(3, message), words.join(' '))
  }
})

t.test('an artifacts folder that is a file is refused before the first stage', async t => {
  const directory = t.testdir({ file: 'mine' })
  const { path, calls } = stubPrograms(join(directory, 'bin'))
  const options = ['--mirror', mirrorUrl, '--store', join(directory, 'state'), '--artifacts', join(directory, 'file'), '--version', '1', '--accel', 'tcg']
  const found = await runMain(['build', ...options], `${path}:/usr/bin:/bin`)
  t.same(found, failed(3, `error: Cannot write to ${directory}/file/ciab-1: part of the path is a file. (give a folder you may write to with --artifacts DIR)`))
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'mine')
  t.notOk(calls().some(call => /mmdebstrap --variant=minbase/.test(call)), 'no bootstrap began')
})

t.test('a stage that fails leaves no release folder behind', async t => {
  const directory = t.testdir({})
  const { path } = stubPrograms(join(directory, 'bin'))
  const artifacts = join(directory, 'artifacts')
  const options = ['--mirror', mirrorUrl, '--store', join(directory, 'state'), '--artifacts', artifacts, '--accel', 'tcg']
  const found = await runMain(['build', ...options], `${path}:/usr/bin:/bin`)
  t.equal(found.code, 4)
  t.equal(found.stdout, '')
  t.match(found.stderr, /^media: started\nmedia: bootstrapping 7 packages\nerror: /)
  t.same(readdirSync(artifacts), [])
  t.same(readdirSync(join(directory, 'state/store')), [], 'nor a half-made result')
})

t.test('a disk that is too small is told with both numbers', async t => {
  const session = { plan: { needBytes: 7.25 * 1024 ** 3, freeBytes: 1024 ** 3 } } as Session
  try {
    requireSpace(session, '/state')
    t.fail('enough')
  } catch (error) {
    t.ok(error instanceof PipelineError)
    t.equal((error as PipelineError).exitCode, 3)
    t.equal(
      formatError(error as PipelineError),
      'error: This build needs 7.3 GiB of disk, and /state has 1.0 GiB free. (free some space (pipeline clean), or put the store elsewhere with --store DIR)'
    )
  }
  t.doesNotThrow(() => requireSpace({ plan: { needBytes: 1, freeBytes: 1 } } as Session, '/state'))
})

t.test('a dry run prints a script, runs no stage, and the plan has the same commands', async t => {
  const directory = t.testdir({})
  const { path, calls } = stubPrograms(join(directory, 'bin'))
  const state = join(directory, 'state')
  const options = ['--mirror', mirrorUrl, '--store', state, '--artifacts', join(directory, 'artifacts'), '--accel', 'tcg']
  const { code, stdout, stderr } = await runMain(['build', '--dry-run', ...options], `${path}:/usr/bin:/bin`)
  t.same([code, stderr], [0, ''])
  execFileSync('bash', ['-n'], { input: stdout })
  t.throws(() => execFileSync('bash', ['-n'], { input: `${stdout}\nfi`, stdio: 'pipe' }), 'bash looks at all of it')
  for (const program of ['mmdebstrap', 'mke2fs', 'ssh-keygen', 'tar', 'packer validate', 'packer build', 'qemu-img convert']) {
    t.match(stdout, new RegExp(`(^|[ (])${program} `, 'm'), program)
  }
  t.notOk(calls().some(call => /packer (build|validate)|qemu-img convert|ssh-keygen|mmdebstrap --variant=minbase/.test(call)), 'none was run')
  const written = join(state, 'dry-run/ciab')
  for (const file of ['media/start-install', 'media/mirror.list', 'install/install.json', 'install/kickstart/install.sh', 'provision/provision.json.in', 'provision/payload/provision/90-seal.sh', 'export/kvm/evc-host.sh']) {
    t.ok(existsSync(join(written, file)), file)
    t.match(stdout, join(written, file.split('/')[0] ?? ''))
  }
  t.doesNotThrow(() => JSON.parse(readFileSync(join(written, 'install/install.json'), 'utf8')))
  t.notOk(existsSync(join(directory, 'artifacts')))
  const plan = await runMain(['plan', '--json', ...options], `${path}:/usr/bin:/bin`)
  const { stages } = JSON.parse(plan.stdout) as { stages: { name: string; commands: string[] }[] }
  for (const { name, commands } of stages.filter(stage => stage.name !== 'render')) {
    t.match(stdout, `# ${name}\n${commands.join('\n')}`, name)
  }
  matchGolden(t, 'plan/dry-run.sh', withoutThisMachine(stdout, directory))
  matchGolden(t, 'plan/plan.json', withoutThisMachine(plan.stdout, directory))
})

t.test('a plan knows the commands of every target, and says which files this program writes itself', async t => {
  const directory = t.testdir({})
  const { path } = stubPrograms(join(directory, 'bin'))
  const options = ['--mirror', mirrorUrl, '--store', join(directory, 'state'), '--artifacts', join(directory, 'artifacts'), '--accel', 'tcg']
  const { code, stdout, stderr } = await runMain(['build', '--dry-run', '--target', 'all', ...options], `${path}:/usr/bin:/bin`)
  t.same([code, stderr], [0, ''])
  for (const { name, from } of await loadTargets()) {
    t.match(stdout, new RegExp(`^(# This program writes (the rest of )?${name} itself|.*/export/${name}/)`, 'm'), `${name}, made ${from}`)
  }
})
