/** Reads what dpkg knows of an image: its installed packages and the licences that their copyright files name. Pure. */

export interface InstalledPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
  /** First line of its description. */
  readonly summary?: string
  readonly homepage?: string
  /** Name of the source package, where it differs; file name of an rpm's. */
  readonly source?: string
  /** Of an rpm: `centos-7`. Absent: a package of Debian. */
  readonly distribution?: string
  /** As its copyright file writes them: `GPL-2+`; empty: not known. */
  readonly licences: readonly string[]
}

export const dpkgStatusPath = '/var/lib/dpkg/status'

export function copyrightPath(name: string): string {
  return `/usr/share/doc/${name}/copyright`
}

/** Installed packages of a dpkg status file, by name. */
export function parseDpkgStatus(text: string): InstalledPackage[] {
  return text
    .split(/\n\n+/)
    .map(parseFields)
    .filter(fields => /^install ok installed$/.test(fields.get('Status') ?? ''))
    .map(fields => {
      const optional = (name: string, key: string) => (fields.get(key) ? { [name]: fields.get(key)?.split('\n')[0] } : {})
      return {
        name: fields.get('Package') ?? '', version: fields.get('Version') ?? '', architecture: fields.get('Architecture') ?? '',
        ...optional('summary', 'Description'), ...optional('homepage', 'Homepage'),
        ...(fields.get('Source') ? { source: fields.get('Source')?.replace(/ \(.*\)$/, '') ?? '' } : {}),
        licences: [],
      }
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

function parseFields(paragraph: string): ReadonlyMap<string, string> {
  const fields = [...paragraph.matchAll(/^([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t].*)*)/gm)]
  return new Map(fields.map(([, name = '', value = '']) => [name, value.trim()]))
}

/**
 * Short names of a machine-readable copyright file (https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/),
 * each once, sorted. Empty for one that is written for people only.
 */
export function parseCopyright(text: string): string[] {
  if (!/^Format:\s*\S*copyright-format/m.test(text)) return []
  const names = [...text.matchAll(/^Licen[sc]e:[ \t]*(\S.*)$/gm)].map(([, name = '']) => name.trim())
  return [...new Set(names)].sort()
}

/** Debian's short names that SPDX writes otherwise: https://wiki.debian.org/Proposals/CopyrightFormat and spdx.org/licenses. */
const renamed: Readonly<Record<string, string>> = {
  'Apache-2': 'Apache-2.0', Artistic: 'Artistic-1.0-Perl', 'BSD-2-clause': 'BSD-2-Clause', 'BSD-3-clause': 'BSD-3-Clause',
  'BSD-4-clause': 'BSD-4-Clause', Expat: 'MIT', 'GFDL-NIV-1.2+': 'GFDL-1.2-no-invariants-or-later',
  'GFDL-NIV-1.3': 'GFDL-1.3-no-invariants-only', 'GFDL-NIV-1.3+': 'GFDL-1.3-no-invariants-or-later', 'MPL-2': 'MPL-2.0',
  'Python-2': 'PSF-2.0', zlib: 'Zlib',
}

/** The SPDX id where Debian writes a licence's name otherwise. Expressions (`A or B`) have none. */
export function spdxIdOf(name: string): string | undefined {
  const gnu = /^(A?GPL|LGPL|GFDL)-(\d(?:\.\d)?)(?:\.0)?(\+)?$/.exec(name)
  if (!gnu) return renamed[name]
  const [, family = '', number = '', later] = gnu
  return `${family}-${number.includes('.') ? number : `${number}.0`}-${later ? 'or-later' : 'only'}`
}
