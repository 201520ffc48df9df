/** provision with a played Packer and a real ssh-keygen: the key is of this run alone, and the audit is told of it. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { provision } from '../../pipeline/stages/provision.js'
import { toolFailed } from '../../pipeline/errors/tools.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { realRun } from '../fixtures/phony-disk.js'
import { fakeContext } from '../fixtures/stage-context.js'
import { sourceDateEpoch, spec, templates } from '../fixtures/target-contract.js'

const template = readFileSync(join(templates, 'packer/provision.json.hbs'), 'utf8')
const file = (path: string) => ({ path, mode: 0o755, content: Buffer.from('true\n') })
const files = [file('provision/20-b.sh'), file('provision/10-a.sh'), file('first-boot/etc/evc')]

interface Seen {
  readonly names: readonly string[]
  readonly base: string
  readonly members: readonly string[]
  readonly text: string
  readonly key: readonly [privateHalf: string, publicHalf: string]
}

function setUp(directory: string, error?: Error) {
  const [stage, logs] = [join(directory, 'stage'), join(directory, 'logs')]
  for (const folder of [stage, logs]) mkdirSync(folder)
  const seen: Seen[] = []
  const read = (name: string) => readFileSync(join(stage, name), 'utf8')
  const fake = fakeRun([
    { on: /^(ssh-keygen|tar) /, effect: async (command, options) => void (await realRun(command, options)) },
    { on: /^packer validate / },
    {
      on: /^packer build /,
      ...(error ? { error } : {}),
      effect: () => {
        seen.push({
          names: readdirSync(stage).sort(),
          base: readlinkSync(join(stage, 'base.img')),
          members: execFileSync('tar', ['-tf', join(stage, 'payload.tar')], { encoding: 'utf8' }).trim().split('\n').filter(name => !name.endsWith('/')),
          text: read('provision.json'),
          key: [read('build-key'), read('build-key.pub')],
        })
        mkdirSync(join(stage, 'packer'))
        writeFileSync(join(stage, 'packer/disk.raw'), 'disk')
      },
    },
  ])
  const input = { spec, base: { disk: '/store/install/disk.raw' }, files, sourceDateEpoch }
  return { stage, seen, go: () => provision(input, template, fakeContext(fake.run, logs), stage) }
}

t.test('gives Packer the disk under another name, the payload and the scripts in their order', async t => {
  const { stage, seen, go } = setUp(t.testdir({}))
  const { disk } = await go()
  t.equal(disk, join(stage, 'disk.raw'))
  t.strictSame(readdirSync(stage), ['disk.raw'], 'neither key nor payload stays')
  t.strictSame(seen[0]?.names, ['base.img', 'build-key', 'build-key.pub', 'payload.tar', 'provision.json'])
  t.equal(seen[0]?.base, '/store/install/disk.raw')
  t.strictSame(seen[0]?.members, ['./first-boot/etc/evc', './provision/10-a.sh', './provision/20-b.sh'])
  const text = seen[0]?.text ?? ''
  t.ok(text.indexOf('PIPELINE provision: 10-a.sh') > 0 && text.indexOf('PIPELINE provision: 10-a.sh') < text.indexOf('PIPELINE provision: 20-b.sh'))
})

t.test('the VM gets the public half of its key and never the private one; both are told to the audit', async t => {
  const { seen, go } = setUp(t.testdir({}))
  const { secrets } = await go()
  const [privateHalf, publicHalf] = seen[0]?.key ?? ['', '']
  const credential = /ssh\.authorized_keys\.root=([A-Za-z0-9+/=]+)/.exec(seen[0]?.text ?? '')?.[1] ?? ''
  t.equal(Buffer.from(credential, 'base64').toString(), publicHalf)
  const body = privateHalf.split('\n').filter(line => line !== '' && !line.startsWith('-----'))
  t.ok(body.length > 3 && body.every(line => !(seen[0]?.text ?? '').includes(line)))
  t.strictSame(secrets, [
    ...body.map((value, at) => ({ name: `build key, private half, line ${at + 1}`, value })).filter(({ value }) => value.length >= 12),
    { name: 'build key, public half', value: publicHalf.split(' ')[1] },
    { name: 'build key, comment', value: 'appliance-build' },
  ])
})

t.test('every run makes a key of its own', async t => {
  const directory = t.testdir({ one: {}, other: {} })
  const runs = ['one', 'other'].map(name => setUp(join(directory, name)))
  for (const { go } of runs) await go()
  const keys = runs.map(({ seen }) => seen[0]?.key[1])
  t.equal(new Set(keys).size, 2)
})

t.test('a script that fails is told by its name', async t => {
  const { stage, go } = setUp(t.testdir({}), toolFailed({ file: 'packer', command: 'packer build', lastLines: ['==> qemu: Script exited with non-zero exit status: 1'] }, 1))
  const error = await failureOf(go())
  t.equal(error.message, 'provision failed: qemu: Script exited with non-zero exit status: 1')
  t.equal(error.exitCode, 4)
  t.notOk(readdirSync(stage).includes('disk.raw'))
})
