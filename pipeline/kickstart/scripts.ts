/** Compiles %pre, %pre-install and %post: each becomes a file of the kickstart disk and a step that runs it. */
import { familyCannot, kickstartValue, optionUnknown } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { joinAreas, shellLine } from './area.js'
import type { Area, AreaContext } from './area.js'
import { readWords } from './options.js'
import { formatPlace } from './types.js'
import type { Kickstart, KickstartSection } from './types.js'

const scriptSections = ['%pre', '%pre-install', '%post']

/** Sections that something else compiles. */
const otherSections = ['%packages']

const options = { '--interpreter': 'value', '--erroronfail': 'flag', '--log --logfile': 'value' }

/** Anaconda's default. */
const defaultInterpreter = '/bin/sh'

/** The scripts of one section name, in file order. */
export function compileScripts(
  tree: Kickstart,
  name: '%pre' | '%pre-install' | '%post',
  context: AreaContext
): Area {
  const sections = tree.nodes.filter(
    node => node.kind === 'section' && node.name === name
  ) as KickstartSection[]
  return joinAreas(sections.map((section, index) => compileScript(section, index + 1, context)))
}

/** Sections that the debian family does nothing with are problems, not comments. */
export function sectionProblems(tree: Kickstart): PipelineError[] {
  const honoured = [...scriptSections, ...otherSections]
  return tree.nodes
    .filter(node => node.kind === 'section' && !honoured.includes(node.name))
    .map(node =>
      familyCannot(formatPlace(node.place), node.name, `Take it out. Honoured: ${honoured.join(', ')}.`)
    )
}

function compileScript(section: KickstartSection, number: number, context: AreaContext): Area {
  const place = formatPlace(section.place)
  const chroots = section.name === '%post'
  const allowed = chroots ? { ...options, '--nochroot': 'flag' } : options
  const names = Object.keys(allowed).flatMap(each => each.split(' '))
  const { values, problems } = readWords({
    place,
    subject: section.name,
    words: section.words,
    table: { options: allowed },
    unknown: option => optionUnknown(place, section.name, option, names),
  })
  const path = `${section.name.slice(1)}/${String(number).padStart(2, '0')}.sh`
  const interpreter = values.value('--interpreter') ?? defaultInterpreter
  const log = values.value('--log') ?? ''
  const where = chroots && !values.flag('--nochroot') ? 'target' : 'builder'
  const step = {
    place: context.shownPlace(section.place),
    what: `run ${section.name}`,
    lines: [
      shellLine(
        'run_script',
        where,
        values.flag('--erroronfail') ? 'fatal' : 'warn',
        interpreter,
        path,
        log
      ),
    ],
  }
  return {
    steps: [step],
    files: { [path]: section.lines.map(line => `${line.text}\n`).join('') },
    problems: [...problems, ...pathProblems(place, { '--interpreter': interpreter, '--log': log })],
  }
}

function pathProblems(place: string, paths: Readonly<Record<string, string>>): PipelineError[] {
  return Object.entries(paths)
    .filter(([, path]) => path !== '' && !/^\/\S+$/.test(path))
    .map(([option, path]) =>
      kickstartValue(
        place,
        `${option}=${path} is no absolute path`,
        'Write it like /bin/bash, without arguments.'
      )
    )
}
