/** audit: a clean disk passes; every leftover, secret and missing part that is planted is found and named. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { audit, examineDisk } from '../../pipeline/stages/audit.js'
import type { AuditInput } from '../../pipeline/stages/audit.js'
import { failureOf } from '../fixtures/failure.js'
import { kernelRelease, makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'
import type { DiskChanges } from '../fixtures/sealed-disk.js'

const canary = 'c4nary-of-the-build'
const mirror = 'mirror.build.example'
const needles = [{ name: 'build key', value: canary }, { name: 'mirror of the build host', value: mirror, mayBePackaged: true }] as const
const context = { run: realRun, progress: () => {} }

const xenDisk = { device: "Xen's disk", alias: 'xen:vbd', driver: 'xen_blkfront', place: 'initramfs' } as const

const inputFor = (disk: string, more: Partial<AuditInput> = {}): AuditInput => ({
  disk,
  needles,
  drivers: ['virtio_blk', 'ext4'],
  modules: ['virtio_net'],
  devices: [xenDisk],
  packages: ['open-vm-tools'],
  ...more,
})

/** `check: problem` of all checks on a disk with these changes. */
async function problemsOf(directory: string, changes: DiskChanges, more: Partial<AuditInput> = {}): Promise<string[]> {
  const disk = await makeSealedDisk(directory, changes)
  const checks = await examineDisk(inputFor(disk, more), context, dirname(disk))
  return checks.flatMap(check => check.problems.map(problem => `${check.name}: ${problem}`))
}

t.test('passes a clean disk, and says what was looked at', async t => {
  const disk = await makeSealedDisk(t.testdir())
  const result = await audit(inputFor(disk), context, dirname(disk))
  t.ok(result.checks.every(check => check.ok))
  t.strictSame(result.checks.map(check => check.name), [
    'no SSH host keys', 'no machine id', 'no SSH access', 'no passwords', 'no logs', 'no shell histories',
    'no network leases or names', 'no name servers of the build', 'no random seed', 'no package lists or archives',
    'no state of the cloud', 'no credentials file', 'no temporary files', 'file system closed cleanly',
    'boots by BIOS', 'boots by UEFI', 'file systems are found by UUID or label', 'GRUB finds the root by UUID', 'GRUB knows the commands of its menu',
    'first boot is enabled', 'drivers of every target',
    'devices of every target, by module alias', 'guest packages of every target', 'nothing secret, nothing of the build host',
  ])
})

const initrd = `the initramfs of ${kernelRelease}`
const planted: Readonly<Record<string, { changes: DiskChanges; problems: readonly string[] }>> = {
  'files of every kind': {
    changes: {
      files: {
        '/etc/ssh/ssh_host_ed25519_key': 'x',
        '/etc/machine-id': '0123456789abcdef\n',
        '/var/lib/dbus/machine-id': '0123456789abcdef\n',
        '/root/.ssh/authorized_keys': 'x',
        '/home/evc/.ssh/id_ed25519': 'x',
        '/var/log/journal/1/system.journal': 'x',
        '/root/.bash_history': '',
        '/var/lib/dhcp/dhclient.leases': '',
        '/etc/resolv.conf': '# made by\nnameserver 192.0.2.7\n',
        '/var/lib/systemd/random-seed': 'x',
        '/var/lib/apt/lists/mirror_InRelease': 'x',
        '/var/cache/apt/archives/a_1_all.deb': 'x',
        '/var/lib/incus/database/db': 'x',
        '/var/lib/evc/40-cloud.done': '',
        '/root/credentials': 'x',
        '/tmp/left': '',
      },
    },
    problems: [
      'no SSH host keys: /etc/ssh/ssh_host_ed25519_key',
      'no machine id: /etc/machine-id',
      'no machine id: /var/lib/dbus/machine-id',
      'no SSH access: /root/.ssh',
      'no SSH access: /root/.ssh/authorized_keys',
      'no SSH access: /home/evc/.ssh/id_ed25519',
      'no logs: /var/log/journal/1/system.journal',
      'no shell histories: /root/.bash_history',
      'no network leases or names: /var/lib/dhcp/dhclient.leases',
      'no name servers of the build: /etc/resolv.conf: nameserver 192.0.2.7',
      'no random seed: /var/lib/systemd/random-seed',
      'no package lists or archives: /var/lib/apt/lists/mirror_InRelease',
      'no package lists or archives: /var/cache/apt/archives/a_1_all.deb',
      'no state of the cloud: /var/lib/incus/database/db',
      'no state of the cloud: /var/lib/evc/40-cloud.done',
      'no credentials file: /root/credentials',
      'no temporary files: /tmp/left',
    ],
  },
  'passwords, also in the copy that tools keep': {
    changes: { files: { '/etc/shadow': 'root:$y$j9T$abc:1::::::\nevc::1::::::\n', '/etc/shadow-': 'root:$6$abc:1::::::\n' } },
    problems: [
      'no passwords: /etc/shadow: root has a password',
      'no passwords: /etc/shadow: evc may log in without a password',
      'no passwords: /etc/shadow-: root has a password',
    ],
  },
  'file systems named by device': {
    changes: {
      files: {
        '/etc/fstab': '/dev/vda3 /boot ext4\n/dev/disk/by-uuid/12 /x ext4\n',
        '/boot/grub/grub.cfg': '\tlinux\t/boot/vmlinuz root=/dev/vdb3 ro\n',
      },
    },
    problems: [
      'file systems are found by UUID or label: /etc/fstab has no entry for /',
      'file systems are found by UUID or label: /etc/fstab: /dev/vda3 /boot ext4',
      'GRUB finds the root by UUID: /boot/grub/grub.cfg: linux\t/boot/vmlinuz root=/dev/vdb3 ro',
    ],
  },
  'a disk that neither firmware boots': {
    changes: { bootCode: 'nothing', loader: '/EFI/BOOT/OTHER.EFI', files: { '/boot/grub/grub.cfg': '' } },
    problems: [
      'boots by BIOS: the first sector holds no boot code of GRUB',
      'boots by UEFI: \\EFI\\BOOT\\BOOTX64.EFI is not on an EFI system partition',
      'GRUB finds the root by UUID: /boot/grub/grub.cfg starts no kernel',
    ],
  },
  'a first boot that is not enabled': {
    changes: { files: { '/etc/systemd/system/multi-user.target.wants/evc.service': undefined } },
    problems: ['first boot is enabled: no enabled unit of systemd starts /usr/lib/evc/first-boot'],
  },
  'a first boot that is not there': {
    changes: { files: { '/usr/lib/evc/first-boot': undefined } },
    problems: ['first boot is enabled: /usr/lib/evc/first-boot is not there or not executable'],
  },
  'no machine-id file at all': {
    changes: { files: { '/etc/machine-id': undefined } },
    problems: ['no machine id: /etc/machine-id is missing: systemd then takes the disk for read-only'],
  },
  'the build host\'s mirror': {
    changes: { files: { '/etc/apt/sources.list': 'deb https://mirror.build.example/debian trixie main\n' } },
    problems: ['nothing secret, nothing of the build host: mirror of the build host at byte N (/etc/apt/sources.list)'],
  },
  'a secret in a file, in no file any more, and in the compressed initramfs': {
    changes: {
      files: { '/srv/config': `token=${Buffer.from(`user:${canary}`).toString('base64')}` },
      bytes: { [21 * 1024 * 1024]: canary, [100]: canary },
      initramfs: { 'etc/key': canary },
    },
    problems: [
      'nothing secret, nothing of the build host: build key at byte N (outside of all partitions)',
      'nothing secret, nothing of the build host: build key (base64) at byte N (/srv/config)',
      'nothing secret, nothing of the build host: build key at byte N (in no file any more)',
      `nothing secret, nothing of the build host: build key in ${initrd}`,
    ],
  },
}

for (const [what, { changes, problems }] of Object.entries(planted)) {
  t.test(`finds ${what}, and nothing else`, async t => {
    const found = await problemsOf(t.testdir(), changes)
    t.strictSame(found.map(problem => problem.replace(/at byte \d+/, 'at byte N')).sort(), [...problems].sort())
  })
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex')

/** A package with many files that all know the mirror; dpkg has the sums of them as they are, and of one as it was. */
const packaged = (secret = '') => {
  const texts = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`usr/share/locale/${index}/apt.mo`, `Try http://${mirror}/ ${secret}${index}\n`]))
  const sums = Object.entries(texts).map(([path, text]) => `${md5(text)}  ${path}\n`)
  const old = 'usr/share/doc/apt/changed'
  const configuration = `see ${mirror}\n`
  return {
    ...Object.fromEntries(Object.entries(texts).map(([path, text]) => [`/${path}`, text])),
    [`/${old}`]: `not ${mirror}\n`,
    '/usr/lib/apt/apt-helper': `#!/bin/sh\n# ${mirror}\n`,
    '/etc/apt/known': configuration,
    '/var/lib/dpkg/info/apt.md5sums': `${sums.join('')}${md5('as it was')}  ${old}\n${md5(`#!/bin/sh\n# ${mirror}\n`)}  lib/apt/apt-helper\n`,
    '/var/lib/dpkg/status':
      `Package: open-vm-tools\nStatus: install ok installed\n\nPackage: apt\nStatus: install ok installed\nConffiles:\n /etc/apt/known ${md5(configuration)}\nVersion: 1\n`,
  }
}
const ofHost = 'nothing secret, nothing of the build host'

t.test("a mirror's name is no trace of the build host in files that are word for word their package's", async t => {
  const found = await problemsOf(t.testdir(), { files: packaged(), initramfs: { init: '#!/bin/sh\n' }, bytes: { [100]: mirror } })
  t.strictSame(found.map(problem => problem.replace(/at byte \d+/, 'at byte N')).sort(), [
    `${ofHost}: mirror of the build host at byte N (/usr/share/doc/apt/changed)`,
    `${ofHost}: mirror of the build host at byte N (outside of all partitions)`,
  ])
})

t.test('a file of no package is found behind any number of packaged ones; a password is found in those, too', async t => {
  const files = { ...packaged(`${canary} `), '/usr/share/zz/sources.list': `deb http://${mirror}/debian trixie main\n`, '/usr/share/doc/apt/changed': undefined }
  const found = (await problemsOf(t.testdir(), { files })).map(problem => problem.replace(/at byte \d+/, 'at byte N'))
  t.strictSame(found.filter(problem => /mirror of/.test(problem)), [`${ofHost}: mirror of the build host at byte N (/usr/share/zz/sources.list)`])
  t.equal(found.filter(problem => /build key at byte N \(\/usr\/share\/locale/.test(problem)).length, 5)
})

t.test('names each driver a target lacks, and where it should be', async t => {
  const problems = await problemsOf(t.testdir(), {}, { drivers: ['virtio-blk', 'vmw_pvscsi'], modules: ['virtio_net', 'ena'] })
  t.strictSame(problems, [
    `drivers of every target: vmw_pvscsi is not in ${initrd}`,
    `drivers of every target: ena is not on the disk for ${kernelRelease}`,
  ])
})

t.test('names each device that the kernel would not know, and each package that is not installed', async t => {
  const place = 'initramfs'
  const changes = {
    initramfs: { [`usr/lib/modules/${kernelRelease}/modules.alias`]: 'alias xen:vbd other\nalias vmbus:1* hv_storvsc\n' },
    files: { '/var/lib/dpkg/status': 'Package: open-vm-tools\nStatus: deinstall ok config-files\n' },
  }
  const storage = { device: "Hyper-V's disk", alias: 'vmbus:12', driver: 'hv_storvsc', place } as const
  const network = { device: "Xen's network", alias: 'xen:vif', driver: 'xen-netfront', place: 'disk' } as const
  const problems = await problemsOf(t.testdir(), changes, { devices: [xenDisk, storage, network] })
  t.strictSame(problems, [
    `devices of every target, by module alias: Xen's disk (xen:vbd): other answers it in the initramfs of ${kernelRelease}, wanted xen_blkfront`,
    `devices of every target, by module alias: Hyper-V's disk (vmbus:12): hv_storvsc is not there in the initramfs of ${kernelRelease}`,
    `devices of every target, by module alias: Xen's network (xen:vif): no module answers it on the disk of ${kernelRelease}, wanted xen-netfront`,
    'guest packages of every target: open-vm-tools is not installed',
  ])
})

t.test('ends in one error with every problem', async t => {
  const disk = await makeSealedDisk(t.testdir(), { files: { '/tmp/a': '', '/root/.ssh/x': '' } })
  const error = await failureOf(audit(inputFor(disk), context, dirname(disk)))
  t.equal(error.message, `audit failed: the finished disk ${disk} has 2 problems.`)
  t.equal(error.hint, 'Correct the kickstart or the provision scripts of the appliance (90-seal.sh removes leftovers), then build again.')
  t.equal(error.exitCode, 4)
  t.strictSame(error.details, ['no SSH access: /root/.ssh', 'no temporary files: /tmp/a'])
})

const elMenu = (command: string) => `menuentry x {\n\t${command} /boot/vmlinuz root=UUID=1234-abcd ro\n}\n`

/** As Anaconda and dracut lay it down. */
const elDisk = (rpms: string): DiskChanges => ({
  initramfsName: `initramfs-${kernelRelease}.img`,
  files: {
    '/var/lib/dpkg/status': undefined,
    '/boot/grub/grub.cfg': undefined,
    '/boot/grub2/grub.cfg': elMenu('linux16'),
    '/usr/share/evc/packages.txt': rpms,
  },
  espFiles: { '/EFI/BOOT/grub.cfg': 'configfile /EFI/centos/grub.cfg\n', '/EFI/centos/grub.cfg': elMenu('linuxefi') },
})
const rpmKeys = ['6341AB2753D78A78A7C27BB124C6A8A7F4A80EB5']
const signed = 'RSA/SHA256, Thu 02 Apr 2020 09:16:19 PM UTC, Key ID 24c6a8a7f4a80eb5'

t.test('passes a clean disk of the el family, whose packages are signed by keys of the spec', async t => {
  const rpms = `bash-4.2-1.el7.x86_64 ${signed}\nopen-vm-tools-11.0-3.el7.x86_64 ${signed}\n`
  t.same(await problemsOf(t.testdir(), elDisk(rpms), { rpmKeys }), [])
})

t.test('names a menu with commands that the GRUB of that firmware does not have', async t => {
  const rpms = `open-vm-tools-11.0-3.el7.x86_64 ${signed}\n`
  const onesMenu = { ...elDisk(rpms), espFiles: { '/EFI/BOOT/grub.cfg': 'search --label root --set=root\nconfigfile /boot/grub2/grub.cfg\n' } }
  t.same(await problemsOf(t.testdir(), onesMenu, { rpmKeys }), ['GRUB knows the commands of its menu: /boot/grub2/grub.cfg: GRUB for UEFI has no linux16'])
  const swapped = elDisk(rpms)
  const files = { ...swapped.files, '/boot/grub2/grub.cfg': elMenu('linuxefi') }
  t.same(await problemsOf(t.testdir(), { ...swapped, files, espFiles: { '/EFI/BOOT/grub.cfg': elMenu('linux16') } }, { rpmKeys }), [
    'GRUB knows the commands of its menu: /boot/grub2/grub.cfg: GRUB for BIOS has no linuxefi',
    'GRUB knows the commands of its menu: /EFI/BOOT/GRUB.CFG of the EFI system partition: GRUB for UEFI has no linux16',
  ])
})

t.test('names what an el disk lacks, and packages that nobody of the spec signed', async t => {
  t.same(await problemsOf(t.testdir(), elDisk('bash-4.2-1.el7.x86_64 (none)\n'), { rpmKeys }), [
    'guest packages of every target: open-vm-tools is not installed',
    'every package is signed by a key of the spec: bash-4.2-1.el7.x86_64 is not signed',
  ])
  t.same(await problemsOf(t.testdir(), { files: { ...elDisk('').files, '/var/lib/eucalyptus/keys/cloud-cert.pem': 'x', '/var/cache/yum/a.rpm': 'x' } }, { rpmKeys }), [
    'no package lists or archives: /var/cache/yum/a.rpm',
    'no state of the cloud: /var/lib/eucalyptus/keys/cloud-cert.pem',
    'guest packages of every target: open-vm-tools is not installed',
    'every package is signed by a key of the spec: /usr/share/evc/packages.txt names no package: the kickstart has not checked their signatures',
  ])
})
