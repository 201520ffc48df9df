/** The list of an el image's packages: names, versions, and whose signatures they bear. */
import t from 'tap'
import { foreignRpms, installedRpms, missingRpms, parseRpmList, rpmListPath } from '../../pipeline/stages/installed-rpms.js'
import { makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'

const centos = '6341AB2753D78A78A7C27BB124C6A8A7F4A80EB5'
const list = parseRpmList(
  [
    'bash-4.2.46-34.el7.x86_64 RSA/SHA256, Thu 02 Apr 2020 09:16:19 PM UTC, Key ID 24c6a8a7f4a80eb5',
    'open-vm-tools-11.0.5-3.el7_9.9.x86_64 RSA/SHA256, Mon 01 Jan 2024 00:00:00 AM UTC, Key ID 199e2f91fd431d51',
    'local-1.0-1.noarch (none)', '',
  ].join('\n')
)

t.test('a name may hold hyphens', async t => {
  t.same(list, [
    { name: 'bash', version: '4.2.46-34.el7.x86_64', keyId: '24C6A8A7F4A80EB5' },
    { name: 'open-vm-tools', version: '11.0.5-3.el7_9.9.x86_64', keyId: '199E2F91FD431D51' },
    { name: 'local', version: '1.0-1.noarch', keyId: undefined },
  ])
})

t.test('what no key of the spec has signed is named', async t => {
  t.same(foreignRpms(list, [centos]), [
    'open-vm-tools-11.0.5-3.el7_9.9.x86_64 is signed by 199E2F91FD431D51, which is no key of the spec',
    'local-1.0-1.noarch is not signed',
  ])
  t.same(foreignRpms(list.slice(0, 1), [centos]), [])
})

t.test('an empty list is no proof', async t => {
  t.same(foreignRpms([], [centos]), ['/usr/share/evc/packages.txt names no package: the kickstart has not checked their signatures'])
})

t.test('a package that a target needs and that is not there is named', async t => {
  t.same(missingRpms(list, ['bash', 'qemu-guest-agent']), ['qemu-guest-agent is not installed'])
})

t.test('of a disk the packages are told with the distribution that they are of', async t => {
  const disk = await makeSealedDisk(t.testdir({}), { files: { [rpmListPath]: 'bash-4.2.46-34.el7.x86_64 (none)\ndbus-libs-1:1.10.24-15.el7.x86_64 (none)\n', '/etc/os-release': 'ID="centos"\nVERSION_ID="7"\n' } })
  t.same(await installedRpms(disk, realRun), { packages: ['bash=4.2.46-34.el7.x86_64', 'dbus-libs=1:1.10.24-15.el7.x86_64'], distribution: 'centos-7' })
})
