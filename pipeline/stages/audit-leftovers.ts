/** Audit: what a build leaves behind and what no two copies may share. Each check gives its problems. */
import type { Ext4Entry } from '../tools/ext4.js'
import type { SealedDisk } from './sealed-disk.js'

export type AuditCheck = (disk: SealedDisk) => Promise<readonly string[]> | readonly string[]

/** Files (not folders or links) below a folder that hold anything. */
function filled(disk: SealedDisk, folder: string): readonly Ext4Entry[] {
  return disk.below(folder).filter(entry => entry.type === 'file' && entry.sizeBytes > 0)
}

function named(disk: SealedDisk, pattern: RegExp): readonly Ext4Entry[] {
  return disk.entries.filter(entry => entry.type !== 'directory' && pattern.test(entry.path))
}

function paths(entries: readonly Ext4Entry[]): string[] {
  return entries.map(entry => entry.path)
}

const histories = /\/\.(bash_history|zsh_history|ash_history|lesshst|viminfo|python_history|wget-hsts|mysql_history)$/
const leases = /^\/var\/lib\/(dhcp|dhclient|dhcpcd|NetworkManager|systemd\/network)\/.|\/70-persistent-net\.rules$/
const seeds = /^\/var\/lib\/(systemd\/(random-seed|credential\.secret)|urandom\/random-seed)$/
const aptCaches = /^\/var\/cache\/apt\/(archives\/.*\.deb|[^/]*\.bin)$/

/** Folders of Eucalyptus that hold one copy's keys, database, buckets, volumes and instances. */
const cloudState = ['keys', 'db', 'tx', 'bukkits', 'volumes', 'instances', 'CC'] as const

export const leftoverChecks: Readonly<Record<string, AuditCheck>> = {
  'no SSH host keys': disk => paths(named(disk, /^\/etc\/ssh\/ssh_host_/)),
  'no machine id': disk => [
    ...(disk.at('/etc/machine-id') ? [] : ['/etc/machine-id is missing: systemd then takes the disk for read-only']),
    ...paths(named(disk, /^\/(etc|var\/lib\/dbus)\/machine-id$/).filter(entry => entry.type === 'file' && entry.sizeBytes > 0)),
  ],
  'no SSH access': disk => [
    ...(disk.at('/root/.ssh') ? ['/root/.ssh'] : []),
    ...paths(named(disk, /\/(authorized_keys2?|id_(rsa|ecdsa|ed25519))$/)),
  ],
  'no passwords': noPasswords,
  'no logs': disk => paths(filled(disk, '/var/log')),
  'no shell histories': disk => paths(named(disk, histories)),
  'no network leases or names': disk => paths(named(disk, leases)),
  'no name servers of the build': async disk => {
    if (disk.at('/etc/resolv.conf')?.type !== 'file') return []
    const servers = (await disk.readText('/etc/resolv.conf')).match(/^\s*nameserver.*$/gm) ?? []
    return servers.map(line => `/etc/resolv.conf: ${line.trim()}`)
  },
  'no random seed': async disk => [
    ...paths(named(disk, seeds)),
    ...(await disk.espPaths()).filter(path => path === '/LOADER/RANDOM-SEED'),
  ],
  'no package lists or archives': disk => [
    ...paths(filled(disk, '/var/lib/apt/lists')),
    ...paths(filled(disk, '/var/cache/yum')),
    ...paths(filled(disk, '/var/cache/dnf')),
    ...paths(named(disk, aptCaches)),
  ],
  'no state of the cloud': disk => [
    ...paths(filled(disk, '/var/lib/incus')),
    ...cloudState.flatMap(folder => paths(filled(disk, `/var/lib/eucalyptus/${folder}`))),
    ...paths(disk.below('/var/lib/evc')),
  ],
  'no credentials file': disk => (disk.at('/root/credentials') ? ['/root/credentials'] : []),
  'no temporary files': disk => ['/tmp', '/var/tmp', '/run'].flatMap(folder => paths(disk.below(folder))),
  'file system closed cleanly': async disk => {
    const fields = await disk.root.superblock()
    const state = fields.get('Filesystem state') ?? 'unknown'
    const journal = /needs_recovery/.test(fields.get('Filesystem features') ?? '') ? ['its journal was not written back'] : []
    return state === 'clean' ? journal : [`the root file system is "${state}"`, ...journal]
  },
}

/** Also the copies that the password tools keep. */
async function noPasswords(disk: SealedDisk): Promise<string[]> {
  const files = await disk.root.readFiles(['/etc/shadow', '/etc/shadow-'])
  return [...files].flatMap(([path, content]) =>
    content.toString('utf8').split('\n').flatMap(line => {
      const [user = '', hash] = line.split(':')
      if (hash === undefined || /^[!*]/.test(hash)) return []
      return [hash === '' ? `${path}: ${user} may log in without a password` : `${path}: ${user} has a password`]
    })
  )
}
