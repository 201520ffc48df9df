import t from 'tap'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../..', import.meta.url))

t.test('bootstraps the media and installs the base disk in a real builder VM, through real Packer', async t => {
  const work = t.testdir({})
  const places = ['--store', join(work, 'store'), '--artifacts', join(work, 'artifacts')]
  const cli = join(root, 'dist/cli.js')
  const { stderr } = await run('node', [cli, 'build', '--until', 'install', ...places])
  t.match(stderr, /^install: completed in /m)
  const store = join(work, 'store/store')
  const folder = readdirSync(store).find(name => name.startsWith('install-')) ?? ''
  const { stdout } = await run('/usr/sbin/sfdisk', ['-J', join(store, folder, 'disk.raw')])
  const table = JSON.parse(stdout) as { partitiontable: { label: string; partitions: unknown[] } }
  t.equal(table.partitiontable.label, 'gpt')
  t.equal(table.partitiontable.partitions.length, 3)
  const again = await run('node', [cli, 'plan', '--json', ...places])
  const plan = JSON.parse(again.stdout) as { stages: { name: string; cached: boolean }[] }
  const cached = plan.stages.filter(stage => stage.cached).map(stage => stage.name)
  t.same(cached, ['media', 'install'], 'an unchanged build would run neither again')
})
