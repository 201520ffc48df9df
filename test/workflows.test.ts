/** The nightly workflows only call ci/nightly: they parse, name what exists, and hand no secret to a command line. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { repository } from './fixtures/main-run.js'

const read = (path: string) => readFileSync(join(repository, path), 'utf8')
const workflows = ['.github/workflows/nightly.yml', 'ci/github/action.yml', 'ci/gitlab/nightly.yml']
/** The el family cannot be built yet, and kickstarts/shared is no appliance. */
const descriptions = readdirSync(join(repository, 'kickstarts')).filter(name => existsSync(join(repository, 'kickstarts', name, 'appliance.yaml')))
const appliances = descriptions.filter(name => /^family: debian$/m.test(read(`kickstarts/${name}/appliance.yaml`)))

for (const path of workflows) {
  t.test(`${path} calls only programs that are here`, async t => {
    const text = read(path)
    t.ok(parse(text))
    const called = [...text.matchAll(/^[^#\n]*?(?:\s|:\s|- )(ci\/[a-z]+)(?= )/gm)].map(([, program = '']) => program)
    t.same(called.filter(program => !existsSync(join(repository, program))), [])
  })

  t.test(`${path} puts no secret on a command line`, async t => {
    const commands = read(path).split('\n').filter(line => /ci\/nightly/.test(line) && !line.trim().startsWith('#'))
    t.notMatch(commands.join('\n'), /secrets\.|AWS_SECRET|PIPELINE_SIGN_KEY/)
  })
}

t.test('both go over all appliances that can be built', async t => {
  const github = parse(read('.github/workflows/nightly.yml')) as { jobs: { night: { strategy: { matrix: { appliance: string[] } } } } }
  const gitlab = parse(read('ci/gitlab/nightly.yml')) as { nightly: { parallel: { matrix: { APPLIANCE: string[] }[] } } }
  t.same(github.jobs.night.strategy.matrix.appliance, appliances)
  t.same(gitlab.nightly.parallel.matrix[0]?.APPLIANCE, appliances)
})

t.test('each step of a night that writes the views is told the public address; both workflows can set it', t => {
  const folder = t.testdir({ pipeline: '#!/bin/sh\necho "$@" >>"$0.log"\necho release\n' })
  const program = join(folder, 'pipeline')
  execFileSync('chmod', ['0755', program])
  execFileSync(join(repository, 'ci/nightly'), ['--to', 's3://b/p', '--public-url', 'https://d.example.org'], { env: { ...process.env, PIPELINE: program }, stdio: 'pipe' })
  const told = readFileSync(`${program}.log`, 'utf8').trim().split('\n').filter(line => line.includes('--public-url https://d.example.org'))
  t.same(told.map(line => line.split(' ')[0]), ['publish', 'prune'])
  for (const path of ['ci/github/action.yml', 'ci/gitlab/nightly.yml']) t.match(read(path), '${PUBLIC_URL:+--public-url "$PUBLIC_URL"}')
  t.end()
})

/** What a night goes on from travels in one file, packed by ci/cache. */
const pack = '.pipeline/night.tar.zst'

interface Step {
  readonly if?: string
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, string>>
}

t.test('a night on GitHub begins with what the last one left, and keeps what it leaves however it ends', async t => {
  const { runs } = parse(read('ci/github/action.yml')) as { runs: { steps: Step[] } }
  const order = ['ci/quickstart prepare', 'actions/cache/restore@v4', `ci/cache unpack ${pack}`, 'ci/nightly', `ci/cache pack ${pack}`, 'actions/cache/save@v4']
  const places = order.map(what => runs.steps.findIndex(({ uses, run }) => (uses ?? run ?? '').startsWith(what)))
  t.same(places, [...places].sort((a, b) => a - b), 'zstd is there before the cache is asked, or it is not found')
  t.notOk(places.includes(-1))
  const [, restore, , , packing, save] = places.map(place => runs.steps[place])
  t.same([packing?.if, save?.if], ['always()', 'always()'])
  t.same([restore?.with?.['path'], save?.with?.['path']], [pack, pack])
  t.equal(restore?.with?.['key'], save?.with?.['key'])
  const { key = '', 'restore-keys': prefix = '' } = restore?.with ?? {}
  t.ok(key.startsWith(prefix) && /run_id.*run_attempt/.test(key.slice(prefix.length)), 'each try has a key of its own, and finds the one before')
  t.match(prefix, /inputs\.appliance \}\}\/$/, 'of this appliance, and of none whose name begins alike')
  t.notOk(runs.steps.some(({ uses }) => uses?.startsWith('actions/cache@')), 'which saves nothing of a job that failed')
})

t.test('so does a night on GitLab', async t => {
  const { nightly } = parse(read('ci/gitlab/nightly.yml')) as { nightly: { cache: object; script: string[]; after_script: string[]; variables: Record<string, string> } }
  t.same(nightly.cache, { key: 'night-$APPLIANCE', when: 'always', paths: [pack] })
  const places = [`ci/cache unpack ${pack}`, 'ci/nightly'].map(what => nightly.script.findIndex(line => line.startsWith(what)))
  t.ok(places[0] !== -1 && (places[0] ?? 0) < (places[1] ?? 0))
  t.same(nightly.after_script, [`ci/cache pack ${pack}`])
  const minutes = ['RUNNER_SCRIPT_TIMEOUT', 'RUNNER_AFTER_SCRIPT_TIMEOUT'].map(name => Number.parseInt(nightly.variables[name] ?? '', 10))
  t.ok((minutes[0] ?? NaN) + (minutes[1] ?? NaN) < 240, 'a night that does not end leaves time to pack')
})
