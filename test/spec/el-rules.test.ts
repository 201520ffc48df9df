/** Each rule of the el family: what it lets pass, and its whole message. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import type { WrittenSpec } from '../../pipeline/spec/defaults.js'
import { keysOf, leastDiskGib, roleOf } from '../../pipeline/spec/el-rules.js'
import { checkRules } from '../../pipeline/spec/rules.js'

const sha256 = 'a'.repeat(64)
const el = {
  installerUrl: 'https://vault.example/7.iso',
  installerSha256: sha256,
  repositories: { base: { url: 'https://vault.example/os/', key: 'centos' } },
  keys: { centos: { url: 'file:///key', fingerprint: 'A'.repeat(40) } },
  publicAddresses: '192.168.42.100-192.168.42.199',
  privateAddresses: '172.31.0.2-172.31.0.254',
} as const
const whole = {
  title: 'Test box', version: '1.2.3', family: 'el', release: '7.9', kickstart: 'ciab.ks.hbs',
  hardware: { memoryMib: 8192, diskGib: 60 }, cloud: { bridgeAddress: '172.31.0.1/16' }, el,
} as const satisfies WrittenSpec

function violations(written: Partial<WrittenSpec>): readonly string[] {
  const spec = applyDefaults({ ...whole, ...written }, { name: 'box', knownTargets: [] })
  return checkRules(spec, [], path => `at ${path[0]}`).map(formatOneLine)
}

t.test('lets a whole description pass, and one whose installer is a file beside a mirror', async t => {
  t.same(violations({}), [])
  t.same(violations({ el: { ...el, installerUrl: '/media/7.iso', mirror: 'http://mirror.example/copies' } }), [])
})

t.test('a repository has one key or several', async t => {
  t.same([keysOf({ key: 'a' }), keysOf({ key: ['a', 'b'] })], [['a'], ['a', 'b']])
  t.same(violations({ el: { ...el, repositories: { base: { url: 'https://vault.example/', key: ['centos'] } } } }), [])
})

t.test('a role is the name of its kickstart', async t => {
  t.equal(roleOf({ kickstart: 'roles/nc.ks.hbs' }), 'nc')
  t.equal(roleOf({ kickstart: 'core.ks' }), 'core')
})

t.test('a role asks for a disk of its own size, an unknown one for that of the spec', async t => {
  const spec = { hardware: { cpus: 4, memoryMib: 8192, diskGib: 60 } }
  t.same(['ciab', 'nc', 'core', 'minimal', 'mine'].map(role => leastDiskGib(role, spec)), [40, 20, 12, 12, 60])
})

const demoImageIsFetched = 'the machine that is being installed fetches it over HTTP'
const demoImageHint = 'Name an address with http or https; a file of yours goes on a web server of yours.'

const cases: Readonly<Record<string, [written: Partial<WrittenSpec>, wanted: readonly string[]]>> = {
  'no installer': [
    { el: { ...el, installerUrl: '' } },
    ['at el: el.installerUrl: Anaconda has nothing to start from (Name a boot ISO or an installation tree.)'],
  ],
  'an installer without a checksum': [
    { el: { ...el, installerSha256: '' } },
    ['at el: el.installerSha256: el.installerUrl has no checksum (Add its SHA-256: sha256sum FILE.)'],
  ],
  'a demo image without a checksum': [
    { el: { ...el, demoImageUrl: 'https://images.example/demo.img' } },
    ['at el: el.demoImageSha256: el.demoImageUrl has no checksum (Add its SHA-256: sha256sum FILE.)'],
  ],
  'a demo image that only this machine has': [
    { el: { ...el, demoImageUrl: '/demo.img', demoImageSha256: sha256 } },
    [`at el: el.demoImageUrl: ${demoImageIsFetched}, and /demo.img is no such address (${demoImageHint})`],
  ],
  'a demo image by an address that only this machine has': [
    { el: { ...el, demoImageUrl: 'file:///demo.img', demoImageSha256: sha256 } },
    [`at el: el.demoImageUrl: ${demoImageIsFetched}, and file:///demo.img is no such address (${demoImageHint})`],
  ],
  'a demo image with its checksum': [{ el: { ...el, demoImageUrl: 'http://images.example/demo.img', demoImageSha256: sha256 } }, []],
  'RHEL 6 with the kickstart over HTTP': [{ release: '6.10' }, []],
  'RHEL 6 with the kickstart on a labelled disk': [
    { release: '6.10', el: { ...el, kickstartBy: 'disk' } },
    ['at el: el.kickstartBy: Anaconda of release 6.10 looks for no kickstart on a disk labelled OEMDRV (Set it to http, or leave it out.)'],
  ],
  'a release that is not known': [
    { release: '5.11' },
    ['at release: release: the el family has no release "5.11" here (Known releases: 6.10, 7.9.)'],
  ],
  'a key that nobody named': [
    { el: { ...el, repositories: { base: { url: 'https://vault.example/', key: 'centso' } } } },
    ['at el: el.repositories.base.key: there is no key "centso" in el.keys (Did you mean "centos"?)'],
  ],
  'a list of keys with one that nobody named': [
    { el: { ...el, repositories: { base: { url: 'https://vault.example/', key: ['centos', 'centso'] } } } },
    ['at el: el.repositories.base.key: there is no key "centso" in el.keys (Did you mean "centos"?)'],
  ],
  'too little memory and disk for the role': [
    { hardware: { memoryMib: 2048, diskGib: 20 } },
    [
      'at hardware: hardware.memoryMib: 2048 MiB are too little for the role ciab (Give it 6144 MiB or more.)',
      'at hardware: hardware.diskGib: 20 GiB are too little for the role ciab (Give it 40 GiB or more.)',
    ],
  ],
  'a range outside of the network': [
    { el: { ...el, publicAddresses: '192.168.43.100-192.168.43.199' } },
    ['at el: el.publicAddresses: 192.168.43.100-192.168.43.199 is not inside 192.168.42.0/24 (Take addresses from the subnet of network.fallbackAddress.)'],
  ],
  'a range with the broadcast address': [
    { el: { ...el, publicAddresses: '192.168.42.200-192.168.42.255' } },
    ['at el: el.publicAddresses: 192.168.42.200-192.168.42.255 is not inside 192.168.42.0/24 (Take addresses from the subnet of network.fallbackAddress.)'],
  ],
  'a range that runs backwards': [
    { el: { ...el, privateAddresses: '172.31.0.9-172.31.0.2' } },
    ['at el: el.privateAddresses: 172.31.0.9-172.31.0.2 is no range of IPv4 addresses (Write first-last, such as 192.168.42.100-192.168.42.199.)'],
  ],
  'a range with the gateway and the appliance in it': [
    { el: { ...el, publicAddresses: '192.168.42.1-192.168.42.50' } },
    [
      "at el: el.publicAddresses: 192.168.42.1-192.168.42.50 holds the appliance's own address 192.168.42.2 (Take a range without it.)",
      "at el: el.publicAddresses: 192.168.42.1-192.168.42.50 holds the gateway's own address 192.168.42.1 (Take a range without it.)",
    ],
  ],
  'a bridge in the uplink': [
    { cloud: { bridgeAddress: '192.168.42.129/25' }, el: { ...el, privateAddresses: '' } },
    [
      'at cloud: cloud.bridgeAddress: 192.168.42.128/25 overlaps 192.168.42.0/24 of network.fallbackAddress ' +
        '(Take another private subnet, such as 10.171.86.1/24.)',
    ],
  ],
  'keys of the family in another one': [
    { family: 'debian', release: 'trixie', el: { mirror: 'http://mirror.example', keys: el.keys } },
    [
      'at el: el.mirror: the debian family does not use it (Leave the key out.)',
      'at el: el.keys: the debian family does not use it (Leave the key out.)',
    ],
  ],
}

for (const [title, [written, wanted]] of Object.entries(cases)) {
  t.test(`says in full: ${title}`, async t => t.same(violations(written), wanted))
}
