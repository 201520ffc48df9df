/** Compiles host name, language and keyboard, and has the time zone compiled. */
import { kickstartValue } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { joinAreas, systemFile } from './area.js'
import type { Area, AreaContext } from './area.js'
import { named } from './read-commands.js'
import type { Commands, ReadCommand } from './read-commands.js'
import { compileTimezone } from './timezone.js'
import { formatPlace } from './types.js'
import type { Place } from './types.js'

/** The name an image has without `network --hostname`; the bootstrap would leave the build host's. */
export const defaultHostname = 'localhost'

/** `network --hostname`, wherever it stands; the last one counts, as with Anaconda. */
export function hostnameOf(commands: Commands): { name: string; place: Place | undefined } {
  const command = named(commands, 'network').findLast(({ values }) => values.flag('--hostname'))
  return { name: command?.values.value('--hostname') ?? defaultHostname, place: command?.place }
}

export function compileSystem(
  commands: Commands,
  context: AreaContext & { readonly file: string }
): Area {
  return joinAreas([
    compileHostname(commands, context),
    ...named(commands, 'lang').map(command => compileLang(command, context)),
    ...named(commands, 'keyboard').map(command => compileKeyboard(command, context)),
    ...named(commands, 'timezone').map(command => compileTimezone(command, context)),
  ])
}

function compileHostname(commands: Commands, context: AreaContext & { readonly file: string }): Area {
  const { name, place } = hostnameOf(commands)
  const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
  if (place && (name.length > 64 || !new RegExp(`^${label}(\\.${label})*$`).test(name))) {
    const hint = 'Use letters, digits and dashes, with dots between parts, 64 at most.'
    return { problems: [kickstartValue(formatPlace(place), `"${name}" is no host name`, hint)] }
  }
  const short = name.split('.')[0] ?? name
  const own = name === defaultHostname ? [] : [`127.0.1.1 ${name === short ? name : `${name} ${short}`}`]
  const hosts = [
    '127.0.0.1 localhost',
    ...own,
    '::1 localhost ip6-localhost ip6-loopback',
    'ff02::1 ip6-allnodes',
    'ff02::2 ip6-allrouters',
  ]
  const files = [
    systemFile('etc/hostname', `${name}\n`),
    systemFile('etc/hosts', `${hosts.join('\n')}\n`),
  ]
  const step = {
    place: context.shownPlace(place ?? { file: context.file, line: 1 }),
    what: `name the host ${name}`,
    lines: files.map(({ line }) => line),
  }
  return { steps: [step], files: Object.assign({}, ...files.map(file => file.files)) }
}

/** C.UTF-8 is part of libc; any other locale is generated, which needs the package `locales`. */
function compileLang(command: ReadCommand, context: AreaContext): Area {
  const place = formatPlace(command.place)
  const locales = [command.words[0] ?? '', ...command.values.list('--addsupport')]
  const generated = locales.filter(locale => locale !== 'C.UTF-8')
  const problems: PipelineError[] = generated
    .filter(locale => !/^[a-z]{2,3}_[A-Z]{2}\.UTF-8(@[a-z]+)?$/.test(locale))
    .map(locale =>
      kickstartValue(
        place,
        `"${locale}" is no locale that the debian family can make`,
        'Write it like de_DE.UTF-8, or C.UTF-8.'
      )
    )
  if (generated.length > 0 && !context.packages.has('locales')) {
    problems.push(
      kickstartValue(
        place,
        `${generated.join(', ')} must be generated, and %packages has no "locales"`,
        'Add locales to %packages, or write lang C.UTF-8.'
      )
    )
  }
  const main = systemFile('etc/locale.conf', `LANG=${locales[0]}\n`)
  const list = systemFile('etc/locale.gen', generated.map(locale => `${locale} UTF-8\n`).join(''))
  const step = {
    place: context.shownPlace(command.place),
    what: `set the language ${locales[0]}`,
    lines: [
      main.line,
      // pam_env reads this name, systemd the other.
      'link_file ../locale.conf etc/default/locale',
      ...(generated.length > 0 ? [list.line, 'in_target locale-gen'] : []),
    ],
  }
  return {
    steps: [step],
    files: { ...main.files, ...(generated.length > 0 ? list.files : {}) },
    problems,
  }
}

function compileKeyboard(command: ReadCommand, context: AreaContext): Area {
  const place = formatPlace(command.place)
  const given = command.values.list('--xlayouts')
  const layouts =
    given.length > 0 ? given : [command.words[0] ?? command.values.value('--vckeymap') ?? '']
  const read = layouts.map(
    layout =>
      /^(?<name>[a-z]{2,})(?:-(?<console>[a-z0-9-]+)| \((?<variant>[\w-]+)\))?$/.exec(layout)?.groups
  )
  const wrong = layouts.filter((_, index) => !read[index])
  if (wrong.length > 0) {
    return {
      problems: [
        kickstartValue(
          place,
          `"${wrong.join(', ')}" is no keyboard layout`,
          `Write it like us, or 'de (nodeadkeys)'.`
        ),
      ],
    }
  }
  const names = read.map(layout => layout?.['name']).join(',')
  const variants = read.map(layout => layout?.['variant'] ?? layout?.['console'] ?? '').join(',')
  const options = command.values.list('--switch').join(',')
  const text = [
    `XKBMODEL="pc105"`,
    `XKBLAYOUT="${names}"`,
    `XKBVARIANT="${/^,*$/.test(variants) ? '' : variants}"`,
    `XKBOPTIONS="${options.replace(/[^\w:,]/g, '')}"`,
    'BACKSPACE="guess"',
  ]
  const { files, line } = systemFile('etc/default/keyboard', `${text.join('\n')}\n`)
  // The kernel's own key map is us; another one is loaded by console-setup.
  const needs =
    names === 'us' && /^,*$/.test(variants)
      ? []
      : [{ name: 'console-setup', reason: `loads the keyboard layout ${names}` }]
  return {
    steps: [
      {
        place: context.shownPlace(command.place),
        what: `set the keyboard ${layouts.join(', ')}`,
        lines: [line],
      },
    ],
    files,
    needs,
  }
}
