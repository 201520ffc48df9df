/** A dry run writes what the commands read, and runs none; stages whose results are stored are left out, and read. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dryRun } from '../../pipeline/run/dry-run.js'
import type { DryRunRequest } from '../../pipeline/run/dry-run.js'
import { openWorkshop } from '../fixtures/prepared-build.js'

const shop = openWorkshop(t.testdir({}))
const build = await shop.prepare({ targets: ['kvm', 'raw'] })
const asked = shop.fake.lines().length

async function lines(directory: string, more: Partial<DryRunRequest> = {}) {
  const acceleration = { kind: 'tcg', reason: 'no KVM', qemuVersion: '10.0.2', timeoutFactor: 6 } as const
  return await dryRun({
    build, directory, templates: shop.templates, acceleration, signal: new AbortController().signal, release: '/artifacts/a release', stored: {}, ...more,
  })
}

t.test('has lines for every stage that a shell reads, in the order of a build', async t => {
  const directory = join(t.testdir({}), "it's dry")
  const found = await lines(directory)
  t.strictSame(Object.keys(found), ['media', 'install', 'provision', 'audit', 'export', 'verify'])
  execFileSync('bash', ['-n'], { input: Object.values(found).flat().join('\n') })
  t.strictSame(found.verify, ["# When the release is there: pipeline verify '/artifacts/a release'"])
  t.equal(shop.fake.lines().length, asked, 'nothing was run')
})

t.test('writes what the commands read, and clears away what was there before', async t => {
  const directory = t.testdir({ install: { old: '' } })
  await lines(directory)
  t.strictSame(readdirSync(directory).sort(), ['export', 'install', 'media', 'provision'])
  t.notOk(existsSync(join(directory, 'install/old')))
  const template = JSON.parse(readFileSync(join(directory, 'install/install.json'), 'utf8')) as { builders: object[] }
  t.match(template.builders[0], { qemu_binary: 'qemu-system-x86_64', accelerator: 'tcg', iso_url: join(directory, 'install/kickstart.img') })
  t.ok(existsSync(join(directory, 'install/kickstart/install.sh')))
  t.ok(readdirSync(join(directory, 'provision/payload/provision')).length > 0)
})

t.test('the key that the commands make comes into the template of provision', async t => {
  const directory = t.testdir({})
  const { provision = [] } = await lines(directory)
  writeFileSync(join(directory, 'provision/build-key.pub'), 'ssh-ed25519 AAAA appliance-build\n')
  execFileSync('bash', ['-e'], { input: provision.find(line => line.startsWith('sed ')) ?? 'exit 1' })
  const text = readFileSync(join(directory, 'provision/provision.json'), 'utf8')
  const credential = /ssh\.authorized_keys\.root=([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? ''
  t.equal(Buffer.from(credential, 'base64').toString(), 'ssh-ed25519 AAAA appliance-build\n')
})

t.test('leaves out what is stored, and reads it where it lies', async t => {
  const base = t.testdir({ dry: {}, media: {}, install: {} })
  const directory = join(base, 'dry')
  const found = await lines(directory, { stored: { media: join(base, 'media'), install: join(base, 'install') } })
  t.strictSame(Object.keys(found), ['provision', 'audit', 'export', 'verify'])
  t.ok(found.provision?.includes(`ln -sf ${join(base, 'install/disk.raw')} ${join(directory, 'provision/base.img')}`))
  t.strictSame(readdirSync(join(base, 'install')), [], 'a stored result is never written to')
  const all = Object.fromEntries(['media', 'install', 'provision', 'export'].map(stage => [stage, join(base, 'media')]))
  t.strictSame(await lines(directory, { stored: all }), {
    audit: ['# This program reads the disk itself; no command stands for that.'], verify: ["pipeline verify '/artifacts/a release'"],
  })
})

t.test('says of each target what this program writes itself, and how to make an equal disk by hand', async t => {
  const directory = t.testdir({})
  mkdirSync(join(directory, 'x'))
  const { export: written = [] } = await lines(directory)
  const disk = join(directory, 'provision/disk.raw')
  for (const name of ['kvm', 'raw']) t.ok(written.includes(`# This program writes ${name} itself, from one read of ${disk}.`), name)
  t.equal(written.filter(line => line === '# By hand, an equal disk in more time:').length, 1, 'only the qcow2 is made by another program as well')
})
