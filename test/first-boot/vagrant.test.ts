/** The first boot's step for Vagrant boxes, run for real in an empty folder; useradd, chown and visudo are stand-ins. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { realRun } from '../fixtures/phony-disk.js'

const library = fileURLToPath(new URL('../../kickstarts/ciab/first-boot/usr/lib/evc', import.meta.url))
const step = join(library, 'steps/06-vagrant')

/** Each stand-in writes its call to `calls`; `known` users are those that `id` finds. */
function guest(directory: string): Readonly<Record<string, string>> {
  for (const folder of ['bin', 'run', 'state/done', 'sudoers', 'home']) mkdirSync(join(directory, folder), { recursive: true })
  writeFileSync(join(directory, 'appliance.env'), '')
  const programs: Readonly<Record<string, string>> = {
    id: `grep -q -x "$1" ${directory}/known`,
    useradd: `echo "useradd $*" >>${directory}/calls; echo vagrant >>${directory}/known`,
    chown: `echo "chown $*" >>${directory}/calls`,
    visudo: `echo visudo >>${directory}/calls; [ ! -e ${directory}/visudo-fails ]`,
  }
  writeFileSync(join(directory, 'known'), 'evc\n')
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(directory, 'bin', name), 0o755)
  }
  return {
    PATH: `${join(directory, 'bin')}:/usr/bin:/bin`,
    EVC_LIB: library,
    EVC_CONFIG: join(directory, 'appliance.env'),
    EVC_RUN: join(directory, 'run'),
    EVC_STATE: join(directory, 'state'),
    EVC_VAGRANT_MARKER: join(directory, 'marker'),
    EVC_VAGRANT_HOME: join(directory, 'home'),
    EVC_SUDOERS: join(directory, 'sudoers'),
  }
}

const boot = async (env: Readonly<Record<string, string>>) => (await realRun([step], { env, okCodes: [0, 1] })).exitCode

t.test('without the marker nothing is done', async t => {
  const directory = t.testdir({})
  t.equal(await boot(guest(directory)), 0)
  t.notOk(existsSync(join(directory, 'calls')))
  t.notOk(existsSync(join(directory, 'home/.ssh')))
})

t.test('with the marker the user is made once, by a key that everybody knows, with sudo', async t => {
  const directory = t.testdir({ marker: '' })
  const env = guest(directory)
  t.equal(await boot(env), 0)
  t.equal(await boot(env), 0)
  const calls = readFileSync(join(directory, 'calls'), 'utf8').split('\n')
  t.strictSame(calls, [
    `useradd --create-home --home-dir ${directory}/home --shell /bin/bash --comment Vagrant vagrant`,
    `chown -R vagrant:vagrant ${directory}/home/.ssh`,
    'visudo',
    '',
  ])
  const keys = join(directory, 'home/.ssh/authorized_keys')
  t.equal(readFileSync(keys, 'utf8'), readFileSync(join(library, 'vagrant.pub'), 'utf8'))
  t.equal(statSync(keys).mode & 0o777, 0o600)
  t.equal(readFileSync(join(directory, 'sudoers/vagrant'), 'utf8'), 'vagrant ALL=(ALL) NOPASSWD: ALL\n')
  t.equal(statSync(join(directory, 'sudoers/vagrant')).mode & 0o777, 0o440)
})

t.test('a boot that failed is continued, and keeps the key that Vagrant has put in', async t => {
  const directory = t.testdir({ marker: '', 'visudo-fails': '' })
  const env = guest(directory)
  t.equal(await boot(env), 1)
  t.equal(readFileSync(join(directory, 'run/reason'), 'utf8'), 'could not let the user vagrant use sudo\n')
  t.notOk(existsSync(join(directory, 'sudoers/vagrant')))
  writeFileSync(join(directory, 'home/.ssh/authorized_keys'), 'ssh-ed25519 AAAA own\n')
  await realRun(['rm', join(directory, 'visudo-fails')])
  t.equal(await boot(env), 0)
  t.equal(readFileSync(join(directory, 'home/.ssh/authorized_keys'), 'utf8'), 'ssh-ed25519 AAAA own\n')
  t.ok(existsSync(join(directory, 'sudoers/vagrant')))
})

t.test('is a part of booting: it has no state line of its own', async t => {
  t.match(readFileSync(step, 'utf8'), /^# state: booting$/m)
})
