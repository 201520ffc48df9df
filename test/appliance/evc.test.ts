/** The `evc` command of the appliance, in a folder that stands in for the machine. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { realDeps } from '../fixtures/target-contract.js'

const firstBoot = (appliance: string) => fileURLToPath(new URL(`../../kickstarts/${appliance}/first-boot/`, import.meta.url))
const password = 'bcdefghjknprstuvxbcd'
const secret = 'b0b1b2b3b4b5b6b7'
const token = Buffer.from(JSON.stringify({ client_name: 'owner', secret })).toString('base64')
const pem = '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----'

/** A machine that is ready; the programs that would look at a real one are played. */
async function machine(test: Pick<typeof t, 'testdir'>, played: Readonly<Record<string, string>> = {}) {
  const root = test.testdir({
    lib: {}, bin: {}, var: { done: { cloud: '' } }, etc: {},
    run: { www: { 'state.json': JSON.stringify({ state: 'ready', address: '192.168.42.2', nested: 'unavailable', nestedHint: 'Set vhv.enable = "TRUE"', forwarded: 'http:8080,api:8443', fingerprint: 'AB:CD' }) + '\n' } },
    credentials: `user: evc\npassword: ${password}\napi: https://192.168.42.2:8443\napi-token: ${token}\n`,
    'appliance.env': "APPLIANCE_NAME='ciab'\nCREDENTIAL_KEYS='user password api api-token'\n",
  })
  await realDeps.run(['sh', '-c', 'cp -r "$1/usr/lib/evc/." "$2/usr/lib/evc/." "$3"; cp "$2/usr/bin/evc" "$3"', 'sh', firstBoot('shared'), firstBoot('ciab'), join(root, 'lib')])
  for (const [name, text] of Object.entries({ incus: 'echo demo,RUNNING,CONTAINER', runuser: 'shift 4; shift; exec "$@"', ...played })) {
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(root, 'bin', name), 0o755)
  }
  const env = {
    EVC_LIB: join(root, 'lib'), EVC_CONFIG: join(root, 'appliance.env'), EVC_STATE: join(root, 'var'), EVC_RUN: join(root, 'run'), EVC_ETC: join(root, 'etc'),
    EVC_CREDENTIALS: join(root, 'credentials'), EVC_HOME: join(root, 'home'), PATH: `${join(root, 'bin')}:/usr/sbin:/usr/bin:/sbin:/bin`,
  }
  const evc = async (command: string, ...args: string[]) =>
    await realDeps.run([join(root, 'lib', command), ...args], { env, cwd: root, okCodes: [0, 1, 2, 4, 70], input: '' })
  return { root, evc }
}

t.test('status says what a person wants to know', async t => {
  const { evc } = await machine(t)
  t.equal((await evc('evc-status')).stdout, [
    'state      ready', 'page       http://192.168.42.2/  https://192.168.42.2/', 'console    https://192.168.42.2:9090/', 'API        https://192.168.42.2:8443',
    'ports      of the host: http at 8080, api at 8443', 'certificate AB:CD', 'machines   containers only. Set vhv.enable = "TRUE"', 'instances  demo, RUNNING, CONTAINER', '',
  ].join('\n'))
})

t.test('credentials come in the order that consoles show them', async t => {
  const { evc } = await machine(t)
  t.equal((await evc('evc-credentials')).stdout, `user: evc\npassword: ${password}\napi: https://192.168.42.2:8443\napi-token: ${token}\n`)
})

t.test('a support bundle has logs and no secret', async t => {
  const { evc, root } = await machine(t, { journalctl: `printf '%s\\n' 'set ${password} and ${secret}' '${token}' '${pem}' fine`, dmesg: 'exit 3' })
  const { stdout } = await evc('evc-support-bundle', join(root, 'bundle.tar.gz'))
  t.equal(stdout, `${join(root, 'bundle.tar.gz')}\n`)
  mkdirSync(join(root, 'out'))
  await realDeps.run(['tar', '-xzf', join(root, 'bundle.tar.gz'), '-C', join(root, 'out'), '--strip-components=1'])
  t.equal(readFileSync(join(root, 'out/journal.txt'), 'utf8'), 'set (secret left out) and (secret left out)\n(secret left out)\n(private key left out)\nfine\n')
  t.match(readFileSync(join(root, 'out/kernel.txt'), 'utf8'), '(ended with exit code 3)')
  const all = await realDeps.run(['grep', '-rlF', '-e', password, '-e', secret, '-e', token, '-e', 'MIGHAgEAMBMG', join(root, 'out')], { okCodes: [0, 1] })
  t.equal(all.stdout, '')
})

t.test('a bundle that cannot be written leaves nothing half-written', async t => {
  const { evc, root } = await machine(t)
  const { exitCode, stderr } = await evc('evc-support-bundle', join(root, 'none/bundle.tar.gz'))
  t.equal(exitCode, 4)
  t.match(stderr, `evc: Could not write ${join(root, 'none/bundle.tar.gz')}. Name another file: evc support-bundle FILE\n`)
})

t.test('reset asks, and without the word changes nothing', async t => {
  const { evc, root } = await machine(t, { systemctl: 'echo "$@" >>calls' })
  const refused = await evc('evc-reset')
  t.same([refused.exitCode, refused.stderr.endsWith('evc: Nothing was changed.\n')], [1, true])
  t.notOk(existsSync(join(root, 'calls')))
  t.equal((await evc('evc-reset', '--yes')).exitCode, 0)
  t.equal(readFileSync(join(root, 'calls'), 'utf8'), 'reboot\n')
  t.equal(readFileSync(join(root, 'etc/machine-id'), 'utf8'), '')
  t.ok(existsSync(join(root, 'var/reset')))
})

t.test('a reset that is cut short before its wish is on the disk was not made', async t => {
  const { evc, root } = await machine(t, { systemctl: 'echo "$@" >>calls', sync: 'kill -9 "$PPID"' })
  await t.rejects(evc('evc-reset', '--yes'))
  t.equal(readFileSync(join(root, 'etc/machine-id'), 'utf8'), '')
  t.notOk(existsSync(join(root, 'var/reset')))
  t.notOk(existsSync(join(root, 'calls')))
})

t.test('an unknown command is named with those there are', async t => {
  const { evc } = await machine(t)
  const { exitCode, stderr } = await evc('evc', 'colour')
  t.same([exitCode, stderr], [2, 'evc: There is no command "colour". Commands: status, credentials, reset, support-bundle.\n'])
})
