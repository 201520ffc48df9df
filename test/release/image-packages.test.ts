/** Packages out of a real ext4 on a real disk, as debugfs reads it. */
import t from 'tap'
import { join } from 'node:path'
import { packagesOfManifest, packagesOnDisk } from '../../pipeline/release/image-packages.js'
import { rpmBerkeley, rpmSqlite } from '../fixtures/rpm-database.js'
import { sampleManifest } from '../fixtures/release.js'
import { makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'

const machineReadable = 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n'
const installed = (name: string) => `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1\n`

t.test("reads dpkg's status and licences out of a disk, also where the folder is a link to another package's", async t => {
  const disk = await makeSealedDisk(t.testdir({}), { files: {
    '/var/lib/dpkg/status': ['bash', 'libbash', 'bare'].map(installed).join('\n'),
    '/usr/share/doc/bash/copyright': machineReadable,
    '/usr/share/doc/libbash': '-> bash',
    '/usr/share/doc/bare/copyright': 'for people',
  } })
  const found = await packagesOnDisk(disk, realRun)
  t.same(found?.packages.map(({ name, licences }) => [name, licences]), [['bare', []], ['bash', ['GPL-2+']], ['libbash', ['GPL-2+']]])
  t.equal(found?.origin, "dpkg's status on the golden disk; licences of 2 of 3 packages from their copyright files")
})

t.test("reads rpm's databases, that of EL 7 and that of later ones, by rpm itself", async t => {
  const databases = { '/var/lib/rpm/Packages': rpmBerkeley, '/usr/lib/sysimage/rpm/rpmdb.sqlite': rpmSqlite }
  for (const [path, make] of Object.entries(databases)) {
    const folder = t.testdir({ rpm: {} })
    const disk = await makeSealedDisk(folder, { files: {
      '/var/lib/dpkg/status': undefined, [path]: make(join(folder, 'rpm')), '/usr/lib/os-release': 'ID="centos"\nVERSION_ID="7"\n', '/etc/os-release': '-> ../usr/lib/os-release',
    } })
    t.same(await packagesOnDisk(disk, realRun), {
      packages: [{
        name: 'hello', version: '2:1.2-3.el7', architecture: 'noarch', distribution: 'centos-7', licences: ['GPLv2+ and MIT'],
        summary: 'says hello', homepage: 'http://hello.example.org/', source: 'hello-1.2-3.el7.src.rpm',
      }],
      origin: "rpm's database on the golden disk",
    }, path)
  }
})

t.test('a disk without dpkg and rpm has none to tell', async t => {
  t.equal(await packagesOnDisk(await makeSealedDisk(t.testdir({}), { files: { '/var/lib/dpkg/status': undefined } }), realRun), undefined)
})

t.test("without the disk the manifest's list is taken, and that is said", t => {
  const { packages, origin } = packagesOfManifest(sampleManifest('1'))
  t.same(packages[0], { name: 'bash', version: '5.2.37-2', architecture: 'amd64', licences: [] })
  t.equal(origin, 'the list in manifest.json; the golden disk was not at hand, so licences are not known')
  t.end()
})

t.test("the manifest's list of an rpm image keeps it rpm's", t => {
  const manifest = { packages: ['glibc-common=2.17-326.el7_9.x86_64', 'dbus-libs=1:1.10.24-15.el7.x86_64'], distribution: 'centos-7', architecture: 'amd64' }
  const rpm = { architecture: 'x86_64', distribution: 'centos-7', licences: [] }
  t.same(packagesOfManifest(manifest).packages, [
    { ...rpm, name: 'glibc-common', version: '2.17-326.el7_9' }, { ...rpm, name: 'dbus-libs', version: '1:1.10.24-15.el7' },
  ])
  t.end()
})
