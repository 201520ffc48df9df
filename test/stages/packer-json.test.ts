/** The Packer JSON of install and provision: exact, known to the plugin, and content to a real Packer. */
import t from 'tap'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { renderElInstall } from '../../pipeline/stages/el-install.js'
import { renderInstall } from '../../pipeline/stages/install.js'
import { renderProvision, scriptNames } from '../../pipeline/stages/provision.js'
import type { Acceleration } from '../../pipeline/tools/acceleration.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { findTool } from '../../pipeline/tools/need.js'
import { packerEnvironment, packerValidate } from '../../pipeline/tools/packer.js'
import { matchGolden } from '../fixtures/golden.js'

const read = (path: string) => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8')
const spec = applyDefaults(
  { title: 'Test', version: '0.1.0', family: 'debian', release: 'trixie' },
  { name: 'test', knownTargets: ['kvm'] }
)
const accelerations: readonly Acceleration[] = [
  { kind: 'kvm', reason: 'a guest ran', qemuVersion: '10.0.2', timeoutFactor: 1 },
  { kind: 'tcg', reason: 'no /dev/kvm', qemuVersion: '1:7.2+dfsg-7', timeoutFactor: 6 },
]

function install(acceleration: Acceleration, base = '/stage'): string {
  return renderInstall(read('templates/packer/install.json.hbs'), {
    spec,
    media: { root: `${base}/root.squashfs`, kernel: `${base}/vmlinuz`, initrd: `${base}/initrd.img` },
    kickstartImage: `${base}/kickstart.img`,
    directory: base,
    serialLog: `${base}/install.serial.log`,
    qemuBinary: '/guard/qemu',
    acceleration,
  })
}

function provision(acceleration: Acceleration, base = '/stage'): string {
  return renderProvision(read('templates/packer/provision.json.hbs'), {
    spec,
    base: `${base}/base.raw`,
    payload: `${base}/payload.tar`,
    privateKey: `${base}/build-key`,
    publicKey: 'ssh-ed25519 AAAAC3Nza appliance-build',
    scripts: ['10-seal.sh', '20-first-boot.sh'],
    directory: base,
    serialLog: `${base}/provision.serial.log`,
    qemuBinary: '/guard/qemu',
    acceleration,
  })
}

const elSpec = applyDefaults(
  {
    title: 'Test', version: '0.1.0', family: 'el', release: '7.9',
    el: { installerUrl: '/boot.iso', installerSha256: 'a'.repeat(64), kickstartBy: 'disk' },
  },
  { name: 'test', knownTargets: ['kvm'] }
)

/** From an ISO with the kickstart on a disk, or from a tree with the kickstart over HTTP. */
function anaconda(acceleration: Acceleration, base = '/stage'): string {
  const tree = { ...elSpec.el, installerUrl: 'http://127.0.0.1:8000/os', kickstartBy: 'http' } as const
  return renderElInstall(read('templates/packer/anaconda.json.hbs'), {
    spec: acceleration.kind === 'kvm' ? elSpec : { ...elSpec, el: tree },
    media: base,
    stage2: acceleration.kind === 'kvm' ? '' : 'LiveOS/squashfs.img',
    directory: base,
    serialLog: `${base}/install.serial.log`,
    qemuBinary: '/guard/qemu',
    acceleration,
  })
}

interface Builder {
  readonly qemuargs: readonly (readonly string[])[]
}

interface KnownOptions {
  readonly templateKeys: readonly string[]
  readonly options: readonly string[]
  readonly qemuargs: readonly string[]
}

const known = JSON.parse(read('test/fixtures/packer-qemu-options.json')) as KnownOptions
const missing = async (tool: string) =>
  (await findTool(tool, process.env['PATH'] ?? '')) ? false : `${tool} is not installed here`
const noPacker = await missing('packer')
const noQemu = await missing('qemu-system-x86_64')
const run = createRun({ signal: new AbortController().signal, parentEnv: process.env })

for (const acceleration of accelerations) {
  for (const [stage, render] of Object.entries({ install, provision, anaconda })) {
    const name = `${stage}.${acceleration.kind}.json`

    t.test(`${name} is as it was looked at`, async t => matchGolden(t, `packer/${name}`, render(acceleration)))

    t.test(`${name} uses only options that the plugin and QEMU know`, async t => {
      const { builders } = JSON.parse(render(acceleration)) as { builders: Builder[] }
      t.equal(builders.length, 1)
      for (const builder of builders) {
        const unknown = Object.keys(builder).filter(key => ![...known.templateKeys, ...known.options].includes(key))
        t.same(unknown, [], 'builder options')
        for (const argument of builder.qemuargs) {
          t.ok(known.qemuargs.includes(argument[0] ?? ''), `${argument[0]} is an option of QEMU`)
          // The plugin joins all further words into one.
          t.ok(argument.length <= 2, `${argument[0]} has one value at most`)
        }
      }
    })

    t.test(`${name} passes a real packer validate`, { skip: noPacker }, async t => {
      const directory = t.testdir({ 'base.raw': 'x', 'kickstart.img': 'x', 'payload.tar': 'x' })
      const { privateKey } = generateKeyPairSync('rsa', {
        modulusLength: 2048,
        privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
        publicKeyEncoding: { type: 'pkcs1', format: 'pem' },
      })
      writeFileSync(join(directory, 'build-key'), privateKey, { mode: 0o600 })
      const template = join(directory, 'template.json')
      const validate = (text: string) => {
        writeFileSync(template, text)
        return run(packerValidate(template), { env: packerEnvironment(directory), cwd: directory })
      }
      const good = render(acceleration, directory)
      await validate(good)
      await t.rejects(validate(good.replace('"headless"', '"headles"')), { code: 'tool-failed' }, 'a misspelt option does not')
    })
  }
}

t.test('the list of QEMU options is right for the QEMU here', { skip: noQemu }, async t => {
  const { stdout } = await run(['qemu-system-x86_64', '-help'])
  for (const key of known.qemuargs) t.match(stdout, new RegExp(`^${key}\\b`, 'm'), key)
})

t.test('commas in paths do not become options', async t => {
  const [kvm] = accelerations
  if (!kvm) throw new TypeError('no acceleration')
  const text = install(kvm, '/a,b')
  t.match(text, 'file=/a,,b/root.squashfs,if=none')
  t.match(text, 'path=/a,,b/install.serial.log')
  t.match(text, '"iso_url": "/a,b/kickstart.img"')
})

t.test('runs the scripts of provision/ itself, in name order', async t => {
  const paths = ['provision/20-b.sh', 'provision/lib/c.sh', 'provision/10-a.sh', 'provision/readme.txt', 'first-boot/x.sh']
  t.same(scriptNames(paths.map(path => ({ path }))), ['10-a.sh', '20-b.sh'])
})
