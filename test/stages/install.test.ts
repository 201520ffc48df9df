/** install with a played Packer: what it is given, how long, and what is left in the stage's folder. */
import t from 'tap'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { install } from '../../pipeline/stages/install.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { fakeContext } from '../fixtures/stage-context.js'
import { spec, templates } from '../fixtures/target-contract.js'

const template = readFileSync(join(templates, 'packer/install.json.hbs'), 'utf8')
const files = [{ path: 'install.sh', mode: 0o755, content: Buffer.from('#!/bin/bash\n') }, { path: 'files/a', mode: 0o644, content: Buffer.from('a') }]

interface Json {
  readonly builders: readonly Readonly<Record<string, unknown>>[]
}

function setUp(directory: string, serial: string, error?: Error) {
  const [stage, logs] = [join(directory, 'stage'), join(directory, 'logs')]
  for (const folder of [stage, logs]) mkdirSync(folder)
  const seen: { tree: readonly string[]; json: Json }[] = []
  const fake = fakeRun([
    { on: /^mke2fs /, effect: command => writeFileSync(command.at(-2) ?? '', 'ext4') },
    { on: /^debugfs /, stderr: 'debugfs 1.47.2 (1-Jan-2025)\n' },
    { on: /^packer validate / },
    {
      on: /^packer build /,
      ...(error ? { error } : {}),
      effect: () => {
        const tree = readdirSync(join(stage, 'kickstart'), { recursive: true, encoding: 'utf8' }).sort()
        seen.push({ tree, json: JSON.parse(readFileSync(join(stage, 'install.json'), 'utf8')) as Json })
        mkdirSync(join(stage, 'packer'))
        writeFileSync(join(stage, 'packer/disk.raw'), 'disk')
        writeFileSync(join(logs, 'install.serial.log'), serial)
      },
    },
  ])
  const media = { root: '/media/root.squashfs', kernel: '/media/vmlinuz', initrd: '/media/initrd.img' }
  return { stage, logs, fake, seen, go: () => install({ spec, media, files }, template, fakeContext(fake.run, logs), stage) }
}

t.test('boots the media with the kickstart beside it, and leaves the disk alone in its folder', async t => {
  const { stage, logs, fake, seen, go } = setUp(t.testdir({}), 'PIPELINE install done\n')
  t.strictSame(await go(), { disk: join(stage, 'disk.raw') })
  t.strictSame(readdirSync(stage), ['disk.raw'])
  t.strictSame(fake.lines().map(line => line.split(' ')[0]), ['mke2fs', 'debugfs', 'packer', 'packer'])
  t.strictSame(seen[0]?.tree, ['files', 'files/a', 'install.sh'])
  const [builder = {}] = seen[0]?.json.builders ?? []
  t.match(builder, { accelerator: 'tcg', qemu_binary: '/guard/qemu', disk_size: '1G', iso_url: join(stage, 'kickstart.img'), output_directory: join(stage, 'packer') })
  const words = JSON.stringify(builder)
  for (const part of ['/media/vmlinuz', '/media/initrd.img', 'file=/media/root.squashfs,if=none', join(logs, 'install.serial.log')]) t.ok(words.includes(part), part)
})

t.test('a VM that ends without its last word made no disk', async t => {
  const { stage, logs, go } = setUp(t.testdir({}), 'PIPELINE install: packages\nPIPELINE install failed: step packages\n')
  const error = await failureOf(go())
  t.equal(error.message, 'install failed: step packages')
  t.equal(error.hint, `serial log: ${join(logs, 'install.serial.log')}`)
  t.equal(error.exitCode, 4)
  t.notOk(readdirSync(stage).includes('disk.raw'))
})
