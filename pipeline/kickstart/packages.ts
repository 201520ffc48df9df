/** Compiles %packages: the packages of the bootstrap, those that must not come along, and what is left out of them. */
import { familyCannot, kickstartValue, optionUnknown } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { shellLine, systemFile } from './area.js'
import type { Area, AreaContext, Step } from './area.js'
import { readWords } from './options.js'
import { elReleases, elRules } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart, KickstartSection, Place } from './types.js'

export interface PackageEntry {
  readonly kind: 'package' | 'group' | 'environment'
  readonly name: string
  /** Written with a minus sign: must not be installed. */
  readonly excluded: boolean
  readonly place: Place
}

export interface PackageList {
  readonly entries: readonly PackageEntry[]
  readonly excludeDocs: Place | undefined
  readonly problems: readonly PipelineError[]
}

/** The entries of a %packages section, with comments and blank lines gone. Groups may have options after their name. */
export function packageEntries(section: KickstartSection): PackageEntry[] {
  return section.lines.flatMap(({ text, place }): PackageEntry[] => {
    const written = text.replace(/#.*$/, '').trim()
    if (written === '') return []
    const excluded = written.startsWith('-')
    const bare = excluded ? written.slice(1) : written
    if (bare.startsWith('@^'))
      return [{ kind: 'environment', name: bare.slice(2).trim(), excluded, place }]
    if (bare.startsWith('@')) return [{ kind: 'group', name: bare.slice(1).trim(), excluded, place }]
    return [{ kind: 'package', name: bare, excluded, place }]
  })
}

/** All %packages sections as one list, checked against what the debian family can install. */
export function readPackages(tree: Kickstart): PackageList {
  const sections = tree.nodes.filter(
    node => node.kind === 'section' && node.name === '%packages'
  ) as KickstartSection[]
  const read = sections.map(section => ({
    section,
    entries: packageEntries(section),
    ...readSectionOptions(section),
  }))
  const entries = read.flatMap(each => each.entries)
  return {
    entries,
    excludeDocs: read.find(each => each.excludeDocs)?.section.place,
    problems: [
      ...read.flatMap(each => each.problems),
      ...entries.flatMap(entryProblems),
      ...contradictions(entries),
    ],
  }
}

function readSectionOptions(section: KickstartSection): {
  excludeDocs: boolean
  problems: readonly PipelineError[]
} {
  const place = formatPlace(section.place)
  // Recommended packages are never installed, so --exclude-weakdeps is true as it stands.
  const options = { '--excludedocs': 'flag', '--exclude-weakdeps': 'flag' }
  const known = elReleases.flatMap(release => Object.keys(elRules(release).sections['%packages'] ?? {}))
  const { values, problems } = readWords({
    place,
    subject: '%packages',
    words: section.words,
    table: { options },
    unknown: option =>
      known.includes(option)
        ? familyCannot(
            place,
            `%packages ${option}`,
            `Options of %packages it honours: ${Object.keys(options).join(', ')}.`
          )
        : optionUnknown(place, '%packages', option, Object.keys(options)),
  })
  return { excludeDocs: values.flag('--excludedocs'), problems }
}

function entryProblems({ kind, name, place }: PackageEntry): PipelineError[] {
  if (kind !== 'package') {
    return [
      familyCannot(
        formatPlace(place),
        `@${kind === 'environment' ? '^' : ''}${name}`,
        'Debian has no package groups: name the packages themselves.'
      ),
    ]
  }
  if (/^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?$/.test(name)) return []
  return [
    kickstartValue(
      formatPlace(place),
      `"${name}" is no Debian package name`,
      'Write one package on each line, without wildcards.'
    ),
  ]
}

function contradictions(entries: readonly PackageEntry[]): PipelineError[] {
  return entries
    .filter(entry => entry.excluded)
    .flatMap(entry => {
      const wanted = entries.find(
        other => !other.excluded && other.name === entry.name && other.kind === entry.kind
      )
      if (!wanted) return []
      return [
        kickstartValue(
          formatPlace(entry.place),
          `-${entry.name} contradicts ${formatPlace(wanted.place)}, which installs it`,
          'Keep one of the two.'
        ),
      ]
    })
}

/** Excluded packages are looked for in the copy: whatever pulled one in, its presence is a failure. */
export function compilePackages(list: PackageList, context: AreaContext): Area {
  const steps: Step[] = list.entries
    .filter(entry => entry.excluded)
    .map(({ name, place }) => ({
      place: context.shownPlace(place),
      what: `leave out ${name}`,
      lines: [shellLine('refuse_package', name)],
    }))
  if (!list.excludeDocs) return { steps }
  const { files, line } = systemFile('etc/dpkg/dpkg.cfg.d/excludedocs', excludeRules)
  const step = {
    place: context.shownPlace(list.excludeDocs),
    what: 'leave out documentation',
    lines: [line, 'remove_docs'],
  }
  return { steps: [...steps, step], files }
}

/** Copyright files stay: their licences ask for it. */
const excludeRules = `path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
`
