/** Finding and loading an appliance, from a folder on disk to the complete spec. */
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import { listAppliances, loadAppliance } from '../../pipeline/spec/load.js'
import type { LoadRequest } from '../../pipeline/spec/load.js'

const project = fileURLToPath(new URL('../../', import.meta.url))
const knownTargets = ['kvm']
const least = 'title: Test box\nversion: 1.2.3\nfamily: debian\nrelease: trixie\n'

async function faultOf(request: Omit<LoadRequest, 'knownTargets'>): Promise<string> {
  return await loadAppliance({ ...request, knownTargets }).then(
    () => 'none',
    (error: unknown) => {
      if (error instanceof PipelineError) return `${formatError(error)} [${error.exitCode}]`
      throw error
    }
  )
}

t.test('loads the default appliance of this project', async t => {
  const { spec, directory } = await loadAppliance({ root: project, name: 'ciab', knownTargets })
  t.match(spec, {
    name: 'ciab',
    title: 'Cloud in a box',
    version: '0.1.0',
    family: 'debian',
    release: 'trixie',
    kickstart: 'ciab.ks.hbs',
    hostname: 'ciab',
    hardware: { cpus: 2, memoryMib: 4096, diskGib: 10 },
    nestedVirt: 'required',
    targets: ['kvm'],
  })
  t.equal(directory, join(project, 'kickstarts/ciab'))
})

t.test('lists folders with an appliance.yaml, sorted', async t => {
  const root = t.testdir({
    kickstarts: {
      zeta: { 'appliance.yaml': least },
      alpha: { 'appliance.yaml': least },
      notes: {},
      'appliance.yaml': least,
    },
  })
  t.same(await listAppliances(root), ['alpha', 'zeta'])
  t.same(await listAppliances(t.testdir({})), [])
})

t.test('a folder whose name could not stand in a host name or a script is refused', async t => {
  const names = ["it's", 'Box', 'a_b', '-x', 'a.b']
  const root = t.testdir({ kickstarts: Object.fromEntries(names.map(name => [name, { 'appliance.yaml': least }])) })
  for (const name of names) {
    t.equal(
      await faultOf({ root, name }),
      `error: kickstarts/${name}: "${name}" cannot be the name of an appliance. (Name the folder with small letters, digits and dashes, beginning with a letter or digit.) [2]`
    )
  }
})

t.test('an unknown appliance is an error that names the nearest, and never a path', async t => {
  const root = t.testdir({
    kickstarts: { ciab: { 'appliance.yaml': least }, eucalyptus: { 'appliance.yaml': least } },
  })
  t.equal(
    await faultOf({ root, name: 'caib' }),
    'error: There is no appliance "caib". (Did you mean "ciab"?) [2]'
  )
  t.equal(
    await faultOf({ root, name: '../kickstarts/ciab' }),
    'error: There is no appliance "../kickstarts/ciab". (Appliances: ciab, eucalyptus.) [2]'
  )
  const empty = t.testdir({})
  t.equal(
    await faultOf({ root: empty, name: 'ciab' }),
    `error: There is no appliance in ${empty}: no kickstarts/<name>/appliance.yaml. ` +
      "(Run this in the project's folder, or make a folder kickstarts/<name> with an appliance.yaml.) [2]"
  )
})

t.test('says faults between values and a missing kickstart at once, with their lines', async t => {
  const yaml = `${least}network:\n  fallbackGateway: 10.0.0.1\n`
  const root = t.testdir({ kickstarts: { box: { 'appliance.yaml': yaml } } })
  t.equal(
    await faultOf({ root, name: 'box', set: ['targets=[kmv]'] }),
    [
      'error: 3 problems:',
      "kickstarts/box/appliance.yaml:6: network.fallbackGateway: 10.0.0.1 is not a machine's address in 192.168.42.0/24 " +
        '(Take one from the subnet of network.fallbackAddress.)',
      '--set: targets[0]: there is no target "kmv" (Did you mean "kvm"?)',
      'kickstarts/box/appliance.yaml:1: kickstart: there is no file box.ks.hbs in kickstarts/box ' +
        '(Write kickstarts/box/box.ks.hbs, or name the one to use with the key kickstart.) [2]',
    ].join('\n  ')
  )
})

t.test('takes values from --set', async t => {
  const root = t.testdir({ kickstarts: { box: { 'appliance.yaml': least, 'other.ks': '' } } })
  const { spec } = await loadAppliance({
    root,
    name: 'box',
    knownTargets,
    set: ['kickstart=other.ks', 'hardware.cpus=6', 'params.colour=red'],
  })
  t.equal(spec.hardware.cpus, 6)
  t.equal(spec.kickstart, 'other.ks')
  t.same(spec.params, { colour: 'red' })
})
