/** The first boot's step for Vagrant boxes, run for real in an empty folder; useradd, install, restorecon and visudo are stand-ins. */
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { realRun } from '../fixtures/phony-disk.js'

const kickstarts = fileURLToPath(new URL('../../kickstarts', import.meta.url))
const library = (part: string) => join(kickstarts, part, 'first-boot/usr/lib/evc')

/** Each stand-in writes its call to `calls`; `known` users are those that `id` finds. */
function guest(directory: string): Readonly<Record<string, string>> {
  for (const folder of ['bin', 'run', 'state/done', 'etc/sudoers.d', 'etc/evc', 'home']) mkdirSync(join(directory, folder), { recursive: true })
  writeFileSync(join(directory, 'appliance.env'), '')
  // As the image has them: the engine's files and the appliance's own in one folder.
  for (const part of ['shared', 'ciab'] as const) cpSync(library(part), join(directory, 'lib'), { recursive: true })
  const programs: Readonly<Record<string, string>> = {
    id: `grep -q -x "$1" ${directory}/known`,
    useradd: `echo "useradd $*" >>${directory}/calls; echo vagrant >>${directory}/known`,
    // Whom a file belongs to is for root to say.
    install: `echo "install $*" >>${directory}/calls; exec /usr/bin/install $(echo "$*" | sed 's/-[og] vagrant //g')`,
    restorecon: `echo "restorecon $*" >>${directory}/calls`,
    visudo: `echo visudo >>${directory}/calls; [ ! -e ${directory}/visudo-fails ]`,
  }
  writeFileSync(join(directory, 'known'), 'evc\n')
  for (const [name, body] of Object.entries(programs)) {
    writeFileSync(join(directory, 'bin', name), `#!/bin/sh\n${body}\n`)
    chmodSync(join(directory, 'bin', name), 0o755)
  }
  return {
    PATH: `${join(directory, 'bin')}:/usr/bin:/bin`,
    EVC_LIB: join(directory, 'lib'),
    EVC_CONFIG: join(directory, 'appliance.env'),
    EVC_RUN: join(directory, 'run'),
    EVC_STATE: join(directory, 'state'),
    EVC_ROOT: directory,
  }
}

const boot = async (env: Readonly<Record<string, string>>) => (await realRun([join(env['EVC_LIB'] ?? '', 'steps/06-vagrant')], { env, okCodes: [0, 1] })).exitCode

t.test('without the marker nothing is done', async t => {
  const directory = t.testdir({})
  t.equal(await boot(guest(directory)), 0)
  t.notOk(existsSync(join(directory, 'calls')))
  t.notOk(existsSync(join(directory, 'home/vagrant/.ssh')))
})

t.test('with the marker the user is made once, by a key that everybody knows, with sudo', async t => {
  const directory = t.testdir({ etc: { evc: { vagrant: '' } } })
  const env = guest(directory)
  t.equal(await boot(env), 0)
  t.equal(await boot(env), 0)
  const home = join(directory, 'home/vagrant')
  const calls = readFileSync(join(directory, 'calls'), 'utf8').split('\n')
  t.strictSame(calls, [
    `useradd --create-home --home-dir ${home} --shell /bin/bash --comment Vagrant vagrant`,
    `install -d -o vagrant -g vagrant -m 700 ${home} ${home}/.ssh`,
    `install -o vagrant -g vagrant -m 600 ${directory}/lib/vagrant.pub ${home}/.ssh/authorized_keys`,
    `restorecon -R ${home}`,
    'visudo',
    '',
  ])
  const keys = join(directory, 'home/vagrant/.ssh/authorized_keys')
  t.equal(readFileSync(keys, 'utf8'), readFileSync(join(library('shared'), 'vagrant.pub'), 'utf8'))
  t.equal(statSync(keys).mode & 0o777, 0o600)
  t.equal(readFileSync(join(directory, 'etc/sudoers.d/vagrant'), 'utf8'), 'Defaults:vagrant !requiretty\nvagrant ALL=(ALL) NOPASSWD: ALL\n')
  t.equal(statSync(join(directory, 'etc/sudoers.d/vagrant')).mode & 0o777, 0o440)
})

t.test('a boot that failed is continued, and keeps the key that Vagrant has put in', async t => {
  const directory = t.testdir({ etc: { evc: { vagrant: '' } }, 'visudo-fails': '' })
  const env = guest(directory)
  t.equal(await boot(env), 1)
  t.equal(readFileSync(join(directory, 'run/reason'), 'utf8'), 'could not let the user vagrant use sudo\n')
  t.notOk(existsSync(join(directory, 'etc/sudoers.d/vagrant')))
  writeFileSync(join(directory, 'home/vagrant/.ssh/authorized_keys'), 'ssh-ed25519 AAAA own\n')
  await realRun(['rm', join(directory, 'visudo-fails')])
  t.equal(await boot(env), 0)
  t.equal(readFileSync(join(directory, 'home/vagrant/.ssh/authorized_keys'), 'utf8'), 'ssh-ed25519 AAAA own\n')
  t.ok(existsSync(join(directory, 'etc/sudoers.d/vagrant')))
})

t.test('is a part of booting: it has no state line of its own', async t => {
  t.match(readFileSync(join(library('shared'), 'steps/06-vagrant'), 'utf8'), /^# state: booting$/m)
})

t.test('the first key is the one that Vagrant itself has, and logs in with', async t => {
  const { stdout } = await realRun(['dpkg', '--listfiles', 'vagrant'])
  const own = stdout.split('\n').find(path => path.endsWith('/keys/vagrant.pub')) ?? ''
  t.equal(readFileSync(join(library('shared'), 'vagrant.pub'), 'utf8').split('\n')[0], readFileSync(own, 'utf8').trim())
})
