/** Reads what rpm knows of an image. Pure; the rpm program itself reads the database. */
import type { InstalledPackage } from './dpkg.js'

/** Berkeley DB of EL 7 and 8, SQLite of later ones. */
export const rpmDatabasePaths = ['/var/lib/rpm/Packages', '/var/lib/rpm/rpmdb.sqlite', '/usr/lib/sysimage/rpm/rpmdb.sqlite'] as const

const tags = ['NAME', 'EPOCH', 'VERSION', 'RELEASE', 'ARCH', 'LICENSE', 'URL', 'SOURCERPM', 'SUMMARY'] as const

/** One package on a line, its fields between tabs. */
export const rpmQueryFormat = `${tags.map(tag => `%{${tag}}`).join('\\t')}\\n`

/** Packages by name; the keys that rpm lists among them are left out. */
export function parseRpmQuery(text: string, distribution: string): InstalledPackage[] {
  return text.split('\n').filter(line => line !== '' && !line.startsWith('gpg-pubkey\t')).map(line => packageOf(line, distribution)).sort((a, b) => (a.name < b.name ? -1 : 1))
}

function packageOf(line: string, distribution: string): InstalledPackage {
  const [name = '', epoch, version, release, arch, license, url, source, summary] = line.split('\t').map(field => (field === '(none)' ? '' : field))
  return {
    name, version: `${epoch ? `${epoch}:` : ''}${version}-${release}`, architecture: arch ?? '', distribution, licences: license ? [license] : [],
    ...(summary ? { summary } : {}), ...(url ? { homepage: url } : {}), ...(source ? { source } : {}),
  }
}
