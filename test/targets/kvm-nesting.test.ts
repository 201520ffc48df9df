/** The kvm kit's question for nested virtualisation, on played machines: processor, /sys, modinfo and modprobe are given. */
import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../fixtures/main-run.js'

interface Machine {
  /** As in /proc/cpuinfo. */
  readonly vendor: 'GenuineIntel' | 'AuthenticAMD' | 'HygonGenuine'
  /** What the loaded module's parameter says; absent: it is not loaded. */
  readonly parameter?: string
  /** What modinfo says of the module on the disk. */
  readonly modinfo?: string
  /** What the module's parameter says after it was loaded again; absent: it is in use. */
  readonly reloaded?: string
}

const modules = { GenuineIntel: 'kvm_intel', AuthenticAMD: 'kvm_amd', HygonGenuine: 'kvm_amd' } as const

function play(t: Pick<Test, 'testdir'>, { vendor, parameter, modinfo = '', reloaded }: Machine) {
  const module = modules[vendor]
  const sys = parameter === undefined ? {} : { [module]: { parameters: { nested: `${parameter}\n` } } }
  const root = t.testdir({ bin: {}, proc: { cpuinfo: `processor\t: 0\nvendor_id\t: ${vendor}\n` }, sys: { module: sys }, etc: { 'modprobe.d': {} } })
  const programs = {
    modinfo: `[ "$*" = "-p ${module}" ] && echo '${modinfo}'`,
    modprobe: `[ "$1" != -r ] || ${reloaded === undefined ? 'exit 1' : 'exit 0'}; echo '${reloaded}' >"${root}/sys/module/$1/parameters/nested"`,
    id: 'echo 0',
  }
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(root, 'bin', name), 0o755)
  }
  mkdirSync(join(root, 'sys/module', module, 'parameters'), { recursive: true })
  const read = (name: string) => readFileSync(join(repository, 'templates', name), 'utf8')
  const checks = read('kvm/host/checks.sh').replaceAll(/(?<=[= ])\/(?=sys\/|proc\/|etc\/)/g, `${root}/`)
  const head = `set -eu\nnested=yes accel=kvm\n${read('kit/words.sh')}${checks}\n`
  const run = (word: string) => {
    const env = { PATH: `${join(root, 'bin')}:/usr/bin:/bin` }
    const { stdout, stderr, status } = spawnSync('dash', ['-c', `${head}${word}`, 'run-evc.sh'], { env, encoding: 'utf8' })
    return { stdout, stderr: stderr.replaceAll(`${root}/`, '/'), status }
  }
  return { root, run }
}

const answers: readonly (readonly [Machine, string])[] = [
  [{ vendor: 'GenuineIntel', parameter: 'Y' }, 'on'],
  [{ vendor: 'GenuineIntel', parameter: '1' }, 'on'],
  [{ vendor: 'GenuineIntel', parameter: 'N' }, 'off'],
  [{ vendor: 'AuthenticAMD', parameter: '1' }, 'on'],
  [{ vendor: 'AuthenticAMD', parameter: '0' }, 'off'],
  [{ vendor: 'HygonGenuine', parameter: '1' }, 'on'],
  [{ vendor: 'GenuineIntel', modinfo: 'nested:bool' }, 'off'],
  [{ vendor: 'AuthenticAMD', modinfo: 'npt:Enable/Disable Nested Paging (int)\nnested:Nested Virtualization support (int)' }, 'off'],
  [{ vendor: 'AuthenticAMD', modinfo: 'npt:Enable/Disable Nested Paging (int)' }, 'absent'],
]

for (const [machine, answer] of answers) {
  t.test(`is ${answer} on ${JSON.stringify(machine)}`, async t => {
    t.equal(play(t, machine).run('nesting').stdout, `${answer}\n`)
  })
}

t.test('where it is off, says what that means, what to type and what that writes; where it is on, nothing', async t => {
  t.equal(play(t, { vendor: 'AuthenticAMD', parameter: '0' }).run('check_nesting').stderr, [
    'run-evc.sh: !! Nested virtualisation is off on this machine: the cloud inside will run containers, but no virtual machines.',
    'run-evc.sh: !! Switch it on with no virtual machine running: sudo run-evc.sh --enable-nested (it writes "options kvm_amd nested=1" to /etc/modprobe.d/evc-nested.conf).',
    '',
  ].join('\n'))
  t.match(play(t, { vendor: 'GenuineIntel' }).run('check_nesting').stderr, 'This kernel\'s kvm_intel has no setting "nested"')
  t.equal(play(t, { vendor: 'GenuineIntel', parameter: 'Y' }).run('check_nesting').stderr, '')
})

t.test('switches it on for now and for later', async t => {
  const { root, run } = play(t, { vendor: 'GenuineIntel', parameter: 'N', reloaded: 'Y' })
  const { status, stderr } = run('enable_nested')
  t.same([status, stderr], [0, 'run-evc.sh: Nested virtualisation is on, and stays on (/etc/modprobe.d/evc-nested.conf).\n'])
  t.equal(readFileSync(join(root, 'etc/modprobe.d/evc-nested.conf'), 'utf8'), '# Written by run-evc.sh --enable-nested.\noptions kvm_intel nested=1\n')
})

t.test('says what to do where the module is in use, or stays as it is; writes nothing where it is on', async t => {
  const busy = play(t, { vendor: 'AuthenticAMD', parameter: '0' }).run('enable_nested')
  t.same([busy.status, busy.stderr], [3,
    'run-evc.sh: /etc/modprobe.d/evc-nested.conf is written, but kvm_amd is in use. Stop the virtual machines of this machine and try again, or restart it.\n'])
  const stubborn = play(t, { vendor: 'AuthenticAMD', parameter: '0', reloaded: '0' }).run('enable_nested')
  t.same([stubborn.status, stubborn.stderr], [3, 'run-evc.sh: kvm_amd was loaded again, but nested virtualisation is still off. See: dmesg | grep -i kvm\n'])
  const { root, run } = play(t, { vendor: 'AuthenticAMD', parameter: '1' })
  t.same([run('enable_nested').status, existsSync(join(root, 'etc/modprobe.d/evc-nested.conf'))], [0, false])
})
