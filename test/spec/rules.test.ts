/** Each cross-field rule: what it lets pass, and its whole message. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import type { WrittenSpec } from '../../pipeline/spec/defaults.js'
import { checkRules } from '../../pipeline/spec/rules.js'

const known = ['kvm', 'vmware']

const installer = { installerUrl: '/a.iso', installerSha256: 'a'.repeat(64) }

function violations(written: Partial<WrittenSpec>): readonly string[] {
  const least = { title: 'Test box', version: '1.2.3', family: 'debian', release: 'trixie' } as const
  const spec = applyDefaults({ ...least, ...written }, { name: 'box', knownTargets: known })
  return checkRules(spec, known, path => `at ${path[0]}`).map(formatOneLine)
}

t.test('lets the defaults pass for both families', async t => {
  t.same(violations({}), [])
  t.same(violations({ family: 'el', release: '7.9', hardware: { diskGib: 40 }, el: installer }), [])
})

t.test('says in full what does not go together', async t => {
  const cases: Record<string, [written: Partial<WrittenSpec>, wanted: string]> = {
    'a release of another family': [
      { release: '7.9' },
      'at release: release: the debian family has no release "7.9" here (Known releases: trixie.)',
    ],
    'a mistyped release': [
      { release: 'trixy' },
      'at release: release: the debian family has no release "trixy" here (Did you mean "trixie"?)',
    ],
    'a disk that is too small': [
      { hardware: { diskGib: 3 } },
      "at hardware: hardware.diskGib: 3 GiB cannot hold the debian family's system (Give it 4 GiB or more; the file stays small.)",
    ],
    'a demo machine that takes all memory': [
      { cloud: { demoVmMemoryMib: 4000 } },
      'at cloud: cloud.demoVmMemoryMib: 4000 MiB of hardware.memoryMib (4096) leave 96 MiB for the appliance itself (Leave it 1024 MiB or more.)',
    ],
    'an address out of range': [
      { network: { fallbackAddress: '192.168.300.2/24' } },
      'at network: network.fallbackAddress: 192.168.300.2/24 is not an IPv4 address with its prefix length ' +
        '(Write an address with a prefix length from 8 to 30, such as 192.168.42.2/24.)',
    ],
    'the address of the subnet itself': [
      { network: { fallbackAddress: '192.168.42.0/24' } },
      "at network: network.fallbackAddress: 192.168.42.0/24 is not a machine's address in 192.168.42.0/24 " +
        '(Write an address with a prefix length from 8 to 30, such as 192.168.42.2/24.)',
    ],
    'a gateway elsewhere': [
      { network: { fallbackGateway: '192.168.43.1' } },
      "at network: network.fallbackGateway: 192.168.43.1 is not a machine's address in 192.168.42.0/24 " +
        '(Take one from the subnet of network.fallbackAddress.)',
    ],
    'a gateway that is the appliance': [
      { network: { fallbackGateway: '192.168.42.2' } },
      "at network: network.fallbackGateway: 192.168.42.2 is the appliance's own address (Name the router's address.)",
    ],
    'a gateway that is no address': [
      { network: { fallbackGateway: '192.168.42.999' } },
      'at network: network.fallbackGateway: 192.168.42.999 is not an IPv4 address (Write four numbers from 0 to 255.)',
    ],
    'a bridge with too few addresses': [
      { cloud: { bridgeAddress: '10.171.86.1/30' } },
      'at cloud: cloud.bridgeAddress: the prefix length 30 is not between 8 and 28 ' +
        '(Write an address with a prefix length from 8 to 28, such as 10.171.86.1/24.)',
    ],
    'a bridge that holds the uplink': [
      { cloud: { bridgeAddress: '192.168.0.1/16' } },
      'at cloud: cloud.bridgeAddress: 192.168.0.0/16 overlaps 192.168.42.0/24 of network.fallbackAddress ' +
        '(Take another private subnet, such as 10.171.86.1/24.)',
    ],
    'a password in a package source': [
      { aptSources: ['deb http://mirror.example/a x y', 'deb http://me:pw@mirror.example/b x y'] },
      'at aptSources: aptSources[1]: the address carries a user name or password ' +
        '(Name a source that can be read without: the line goes into the image.)',
    ],
    'package sources of the other family': [
      {
        family: 'el',
        release: '7.9',
        hardware: { diskGib: 40 },
        el: installer,
        aptSources: ['deb http://mirror.example/a x y'],
      },
      'at aptSources: aptSources: the el family has no sources.list (Leave the key out; repositories are named in the kickstart.)',
    ],
    'an unknown target': [
      { targets: ['kvm', 'vmwere'] },
      'at targets: targets[1]: there is no target "vmwere" (Did you mean "vmware"?)',
    ],
  }
  for (const [title, [written, wanted]] of Object.entries(cases)) t.same(violations(written), [wanted], title)
})

t.test('an el disk needs more', async t => {
  t.same(violations({ family: 'el', release: '7.9', el: installer }), [
    "at hardware: hardware.diskGib: 10 GiB cannot hold the el family's system (Give it 20 GiB or more; the file stays small.)",
  ])
})
