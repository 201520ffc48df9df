/** Faults of a description: the whole message, all at once, with file and line or --set. */
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import { validateSpec } from '../../pipeline/spec/validate.js'

const least = 'title: Test box\nversion: 1.2.3\nfamily: debian\nrelease: trixie\n'

function faultsOf(text: string, set: readonly string[] = []): string {
  try {
    validateSpec('k/a.yaml', text, set)
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error)
    throw error
  }
  return 'none'
}

t.test('passes the least description as it was written', async t => {
  t.same(validateSpec('k/a.yaml', least).written, {
    title: 'Test box',
    version: '1.2.3',
    family: 'debian',
    release: 'trixie',
  })
})

t.test('says one fault in full', async t => {
  const cases: Record<string, string> = {
    [`${least}hardwre: {cpus: 2}\n`]: 'k/a.yaml:5: hardwre: unknown key (Did you mean "hardware"?)',
    [`${least}hardware:\n  cpu: 2\n`]:
      'k/a.yaml:6: hardware.cpu: unknown key (Did you mean "hardware.cpus"?)',
    [`${least}network:\n  xylophone: 2\n`]:
      'k/a.yaml:6: network.xylophone: unknown key (Known keys: network.fallbackAddress, network.fallbackGateway, network.dhcpWaitSeconds.)',
    [`${least}__proto__: 3\n`]:
      'k/a.yaml:5: __proto__: unknown key (Known keys: title, version, family, release, architecture, ' +
      'kickstart, hostname, hardware, nestedVirt, network, cloud, aptSources, el, targets, timeouts, params.)',
    'title: x\nversion: 1.2.3\nfamily: debian\n':
      'k/a.yaml:1: release: this key is missing (Add it: Release of the family: trixie for debian, 7.9 (in quotes) for el.)',
    [least.replace('trixie', '7.9')]:
      'k/a.yaml:4: release: must be text, found 7.9 (Write it in quotes: "7.9".)',
    [least.replace('1.2.3', '1.2')]:
      'k/a.yaml:2: version: must be text, found 1.2 (Write it in quotes: "1.2".)',
    [least.replace('1.2.3', 'v1')]: 'k/a.yaml:2: version: must be three numbers such as 0.1.0, found "v1"',
    [least.replace('debian', 'ubuntu')]: 'k/a.yaml:3: family: must be debian or el, found "ubuntu"',
    [`${least}el:\n  mirror: file:///srv/mirror\n`]:
      'k/a.yaml:6: el.mirror: must be an address with http or https (the installed machine asks it, too; put a folder on a web server), found "file:///srv/mirror"',
    [least.replace('Test box', '')]: 'k/a.yaml:1: title: must be text, found nothing',
    [`${least}hardware:\n  memoryMib: 512\n`]:
      'k/a.yaml:6: hardware.memoryMib: must be at least 1024, found 512',
    [`${least}hardware:\n  diskGib: 5000\n`]:
      'k/a.yaml:6: hardware.diskGib: must be at most 2040, found 5000',
    [`${least}hardware:\n  cpus: 1.5\n`]: 'k/a.yaml:6: hardware.cpus: must be a whole number, found 1.5',
    [`${least}hardware:\n  cpus: "2"\n`]: 'k/a.yaml:6: hardware.cpus: must be a whole number, found "2"',
    [`${least}hardware: []\n`]: 'k/a.yaml:5: hardware: must be keys with values, found a list',
    [`${least}hostname: Box\n`]:
      'k/a.yaml:5: hostname: must be small letters, digits and hyphens, at most 63 of them, beginning with a letter, found "Box"',
    [`${least}kickstart: ../evil.ks\n`]:
      'k/a.yaml:5: kickstart: must be a file inside the appliance\'s folder that ends in .ks or .ks.hbs, found "../evil.ks"',
    [`${least}targets: [kvm, kvm]\n`]: 'k/a.yaml:5: targets: names "kvm" twice',
    [`${least}params:\n  Colour: red\n`]:
      'k/a.yaml:6: params.Colour: must be letters and digits, beginning with a small letter, found "Colour"',
    [`${least}params:\n  list: [1]\n`]:
      'k/a.yaml:6: params.list: must be text or a number or true or false, found a list',
    [`${least}aptSources:\n  - deb http://mirror.example/debian trixie main\n  - http://mirror.example\n`]:
      'k/a.yaml:7: aptSources[1]: must be one line of a sources.list, such as: deb http://mirror.example/debian trixie main, ' +
      'found "http://mirror.example"',
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(faultsOf(text), `error: ${wanted}`, wanted)
})

t.test('says all faults at once', async t => {
  t.equal(
    faultsOf(
      'title: x\nversion: 1.2.3\nfamily: ubuntu\nrelease: trixie\nhardware:\n  cpu: 2\n  diskGib: big\n'
    ),
    [
      'error: 3 problems:',
      'k/a.yaml:3: family: must be debian or el, found "ubuntu"',
      'k/a.yaml:6: hardware.cpu: unknown key (Did you mean "hardware.cpus"?)',
      'k/a.yaml:7: hardware.diskGib: must be a whole number, found "big"',
    ].join('\n  ')
  )
})

t.test('an empty file and a file that is no map say so', async t => {
  for (const [text, found] of Object.entries({ '': 'nothing', '- a\n': 'a list', 'hello\n': '"hello"' })) {
    t.equal(
      faultsOf(text, ['hardware.cpus=2']),
      `error: k/a.yaml:1: appliance: must be keys with values, found ${found}`
    )
  }
})

t.test('a broken document is reported before its values', async t => {
  t.equal(faultsOf(`${least}title: again\n`), 'error: k/a.yaml:5: map keys must be unique')
})

t.test('a value from --set is validated like a written one, and its fault names --set', async t => {
  t.equal(
    faultsOf(`${least}hardware:\n  cpus: 2\n`, ['hardware.cpus=many']),
    'error: --set: hardware.cpus: must be a whole number, found "many"'
  )
  t.equal(
    faultsOf(`${least}wallpaper: red\n`, ['hardware.cpu=4', 'family']),
    [
      'error: 3 problems:',
      '--set: hardware.cpu: unknown key (Did you mean "hardware.cpus"?)',
      '--set family: there is no value (Write --set key=value.)',
      'k/a.yaml:5: wallpaper: unknown key (Known keys: title, version, family, release, architecture, kickstart, hostname, hardware, ' +
        'nestedVirt, network, cloud, aptSources, el, targets, timeouts, params.)',
    ].join('\n  ')
  )
})

t.test('a place is the line of the written key, or --set', async t => {
  const { place } = validateSpec('k/a.yaml', `${least}hardware:\n  cpus: 2\n`, [
    'hardware.memoryMib=2048',
    'targets=[kvm]',
  ])
  t.equal(place(['hardware', 'cpus']), 'k/a.yaml:6')
  t.equal(place(['hardware', 'memoryMib']), '--set')
  t.equal(place(['targets', 0]), '--set')
})
