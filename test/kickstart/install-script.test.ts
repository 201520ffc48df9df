/** The install script as a program: bash reads it, and its fixed functions do what they say. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compile, leastKickstart } from '../fixtures/kickstart.js'

const install = compile(
  `${leastKickstart}user --name=evc --gecos="It's $(id) \\"x\\"" --password='a'\\''b"$HOME\`id\`'\n%post\nexit 3\n%end\n`
)
const script = install.files['install.sh'] ?? ''

/** Runs bash with the script's functions and without its steps, its end of the machine replaced by an echo. */
function bash(directory: string, lines: string): { status: number | null; output: string } {
  const functions = script
    .slice(0, script.indexOf('\nepoch='))
    .replace('poweroff -ff || echo o >/proc/sysrq-trigger\n  sleep 60', 'echo POWEROFF')
    .replace('sleep 1\n', '')
  const text = functions
    .replace('kickstart=/run/kickstart', `kickstart=${directory}/kickstart`)
    .replace('target=/mnt/target', `target=${directory}/target`)
  const found = spawnSync('bash', ['-c', `${text}\nepoch=1000000000\n${lines}`], { encoding: 'utf8' })
  return { status: found.status, output: found.stdout + found.stderr }
}

t.test('bash can read it', async t => {
  const found = spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })
  t.same([found.status, found.stderr], [0, ''])
})

t.test('names place, step and reason of a failure, and ends the machine', async t => {
  const directory = t.testdir()
  t.equal(
    bash(directory, `step ciab.ks:7 'make user evc'\n(exit 9)\necho unreached`).output,
    'PIPELINE install: make user evc\nPIPELINE install failed: ciab.ks:7: could not make user evc: exit code 9\nPOWEROFF\n'
  )
  t.equal(
    bash(directory, `step ciab.ks:8 'look'\nfail 'there is nothing'`).output,
    'PIPELINE install: look\nPIPELINE install failed: ciab.ks:8: could not look: there is nothing\nPOWEROFF\n'
  )
  t.match(
    bash(directory, `step ciab.ks:9 'pipe'\nfalse | cat`).output,
    /failed: ciab\.ks:9: could not pipe: exit code 1\n/
  )
  t.match(
    bash(directory, `step ciab.ks:9 'use'\necho "$nothing"`).output,
    /failed: ciab\.ks:9: could not use: exit code 1\n/
  )
  t.equal(
    bash(directory, `step ciab.ks:9 'end'\necho 'PIPELINE install done'`).output,
    'PIPELINE install: end\nPIPELINE install done\nPOWEROFF\n'
  )
})

t.test('a failing script warns, or fails with --erroronfail, and shows its log', async t => {
  const directory = t.testdir({ kickstart: { post: { '01.sh': 'echo said\nexit 3\n' } } })
  const run = (onFail: string, log: string) =>
    bash(
      directory,
      `step x.ks:2 'run %post'\nrun_script builder ${onFail} /bin/sh post/01.sh '${log}'\necho next`
    ).output
  t.equal(
    run('warn', ''),
    'PIPELINE install: run %post\nsaid\nPIPELINE install: warning: x.ks:2: could not run %post: exit code 3\nnext\nPOWEROFF\n'
  )
  t.equal(
    run('fatal', join(directory, 'logs', 'x.log')),
    'PIPELINE install: run %post\nsaid\nPIPELINE install failed: x.ks:2: could not run %post: exit code 3\nPOWEROFF\n'
  )
  t.equal(readFileSync(join(directory, 'logs', 'x.log'), 'utf8'), 'said\n')
})

t.test('a log that cannot be written fails the script, which would not have run', async t => {
  const directory = t.testdir({ kickstart: { post: { '01.sh': 'echo said\n' } }, file: '' })
  for (const log of [join(directory, 'file', 'x.log'), directory]) {
    t.equal(
      bash(directory, `step x.ks:2 'run %post'\nrun_script builder warn /bin/sh post/01.sh '${log}'\necho next`).output,
      `PIPELINE install: run %post\nPIPELINE install failed: x.ks:2: could not run %post: cannot write the log ${log}\nPOWEROFF\n`
    )
  }
})

t.test('a partition of a disk whose name ends in a digit has a p', async t => {
  t.match(
    bash(t.testdir(), 'disk=/dev/vdc\npartition 3\ndisk=/dev/nvme0n1\npartition 3').output,
    /^\/dev\/vdc3\n\/dev\/nvme0n1p3\n/
  )
})

t.test('grub.cfg must name the root by its UUID and nothing else', async t => {
  const directory = t.testdir({ target: { boot: { grub: {} } } })
  const check = (text: string) => {
    writeFileSync(join(directory, 'target/boot/grub/grub.cfg'), text)
    return bash(directory, `step x.ks:1 check\nrequire_root_by_uuid abc`).output
  }
  t.match(check('linux /vmlinuz root=UUID=abc ro\n'), /^PIPELINE install: check\nPOWEROFF\n$/)
  t.match(
    check('linux /vmlinuz root=/dev/vdb3 ro\n'),
    /could not check: grub\.cfg does not name the root by its UUID abc\n/
  )
  t.match(
    check('linux /vmlinuz root=UUID=abc\nlinux /vmlinuz root=/dev/vdb3\n'),
    /could not check: grub\.cfg names the root by a device\n/
  )
})

t.test('another mirror leaves the security updates where they are', async t => {
  const security = 'deb https://security.example/debian-security trixie-security main'
  const directory = t.testdir({
    target: {
      etc: {
        'os-release': 'VERSION_CODENAME=trixie\n',
        apt: { 'sources.list': `deb https://old.example/debian trixie main\n${security}\n` },
      },
    },
  })
  bash(directory, 'use_mirror https://mirror.example/debian')
  t.equal(
    readFileSync(join(directory, 'target/etc/apt/sources.list'), 'utf8'),
    `deb https://mirror.example/debian trixie main\ndeb https://mirror.example/debian trixie-updates main\n${security}\n`
  )
})

t.test('values with quotes, dollars and blanks reach the program as they are', async t => {
  const directory = t.testdir()
  const step = script.slice(
    script.indexOf('step box.ks:2 '),
    script.indexOf('step', script.indexOf('step box.ks:2 ') + 4)
  )
  const program = join(directory, 'bin')
  mkdirSync(program)
  writeFileSync(join(program, 'show'), '#!/bin/sh\nprintf "<%s>" "$@"\n[ "$1" != chpasswd ] || cat\n')
  chmodSync(join(program, 'show'), 0o755)
  const { output } = bash(directory, `in_target() { ${program}/show "$@"; }\n${step}`)
  t.match(output, `<--comment><It's $(id) "x">`)
  t.match(output, `<chpasswd>evc:a'b"$HOME\`id\`\n`)
})

t.test('the date of the sources is a given one, else that of the media', async t => {
  t.match(script, /^epoch=\$\(stat -c %Y \/var\/lib\/dpkg\/status\)$/m)
  t.match(
    compile(leastKickstart, { sourceDateEpoch: 1700000000 }).files['install.sh'],
    /^epoch=1700000000$/m
  )
})
