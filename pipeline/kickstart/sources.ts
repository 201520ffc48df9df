/** Compiles `url` and `repo`: where the finished image gets its packages from. */
import { familyCannot, kickstartValue } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { joinAreas, shellLine, systemFile } from './area.js'
import type { Area, AreaContext } from './area.js'
import { named } from './read-commands.js'
import type { Commands, ReadCommand } from './read-commands.js'
import { formatPlace } from './types.js'

/**
 * Both describe the image, not the build: which mirror the builder bootstraps from is the build host's business.
 * `url` takes the place of the suite's and its updates' mirror (security stays); `repo --install` adds one line.
 */
export function compileSources(commands: Commands, context: AreaContext): Area {
  return joinAreas([
    ...named(commands, 'url').map(command => compileUrl(command, context)),
    ...named(commands, 'repo').map(command => compileRepo(command, context)),
  ])
}

function compileUrl({ values, place }: ReadCommand, context: AreaContext): Area {
  const given = ['--url', '--mirrorlist'].filter(option => values.flag(option))
  if (given.length !== 1) {
    return {
      problems: [
        kickstartValue(
          formatPlace(place),
          'url needs one of --url and --mirrorlist',
          'Write url --url=https://mirror.example/debian.'
        ),
      ],
    }
  }
  const option = given[0] ?? ''
  const address = values.value(option) ?? ''
  const problems = addressProblems(place, option, address)
  // apt reads a list of mirrors by its own method.
  const mirror = option === '--mirrorlist' ? `mirror+${address}` : address
  return {
    problems,
    steps: [
      {
        place: context.shownPlace(place),
        what: 'set the package mirror',
        lines: [shellLine('use_mirror', mirror)],
      },
    ],
  }
}

function compileRepo({ values, place }: ReadCommand, context: AreaContext): Area {
  const name = values.value('--name') ?? ''
  const line = values.value('--baseurl') ?? ''
  const at = formatPlace(place)
  const problems = addressProblems(place, '--baseurl', line.replace(/^\[[^\]]*\] /, ''))
  if (!values.flag('--install')) {
    problems.push(
      familyCannot(
        at,
        'repo without --install',
        'A repository is written into the image and not installed from: add --install.'
      )
    )
  }
  if (!/^[A-Za-z0-9_.-]+$/.test(name))
    problems.push(
      kickstartValue(at, `--name=${name} is no file name`, 'Use letters, digits, dots and dashes.')
    )
  if (!/^(\[[^\]\n]+\] )?\S+ (\S*\/|\S+( [a-z0-9-]+)+)$/.test(line)) {
    problems.push(
      kickstartValue(
        at,
        `--baseurl="${line}" names no suite`,
        `Write it as apt does: --baseurl='https://mirror.example/debian trixie main'.`
      )
    )
  }
  const { files, line: put } = systemFile(`etc/apt/sources.list.d/${name}.list`, `deb ${line}\n`)
  return {
    problems,
    files,
    steps: [{ place: context.shownPlace(place), what: `add the repository ${name}`, lines: [put] }],
  }
}

/** A user name in an address would be handed to everybody who downloads the image. */
function addressProblems(place: ReadCommand['place'], option: string, address: string): PipelineError[] {
  const at = formatPlace(place)
  if (!/^(https?|file):\/\/\S+/.test(address)) {
    return [
      kickstartValue(
        at,
        `${option}=${address} is no address`,
        'Write it like https://mirror.example/debian.'
      ),
    ]
  }
  if (/^\w+:\/\/[^/\s]*@/.test(address)) {
    return [
      kickstartValue(
        at,
        `${option} has a user name in its address, and every copy of the image would have it`,
        'Take the part before @ out.'
      ),
    ]
  }
  return []
}
