/** How a child ended, in the words of an error. */
import t from 'tap'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { endLine, judge } from '../../pipeline/tools/outcome.js'
import type { Ended } from '../../pipeline/tools/outcome.js'

const failure = { file: 'qemu-img', command: 'qemu-img info disk', lastLines: ['No such file'], logFile: '/logs/x.log' }
const said = '\n  command: qemu-img info disk\n  last lines it printed:\n  | No such file'

function startError(code: string, message = 'spawn qemu-img'): Ended {
  return { startError: Object.assign(new Error(message), { code }) }
}

interface Case {
  readonly ended: Ended
  readonly exitCode: number
  readonly text: string
}

const cases: Readonly<Record<string, Case>> = {
  'an exit code that is a failure': {
    ended: { exitCode: 2 }, exitCode: 4,
    text: `error: "qemu-img" ended with exit code 2. (log: /logs/x.log)${said}`,
  },
  'a signal': {
    ended: { signal: 'SIGTERM' }, exitCode: 4,
    text: `error: "qemu-img" was ended by SIGTERM. (log: /logs/x.log)${said}`,
  },
  'a kill, which may be the kernel\'s': {
    ended: { signal: 'SIGKILL' }, exitCode: 4,
    text: `error: "qemu-img" was ended by SIGKILL (the kernel does this when memory runs out: see dmesg). (log: /logs/x.log)${said}`,
  },
  'no permission': {
    ended: startError('EACCES'), exitCode: 3,
    text: 'error: Could not start "qemu-img": it may not be executed by this user. (try it by hand: qemu-img --version)',
  },
  'a program for another machine': {
    ended: startError('ENOEXEC'), exitCode: 3,
    text: 'error: Could not start "qemu-img": it is not a program for this machine. (try it by hand: qemu-img --version)',
  },
  'a reason that has no words here': {
    ended: startError('EMFILE', 'spawn qemu-img EMFILE'), exitCode: 3,
    text: 'error: Could not start "qemu-img": spawn qemu-img EMFILE. (try it by hand: qemu-img --version)',
  },
  'an end that nobody can explain': {
    ended: {}, exitCode: 4,
    text: `error: "qemu-img" ended with exit code -1. (log: /logs/x.log)${said}`,
  },
}

for (const [what, { ended, exitCode, text }] of Object.entries(cases)) {
  t.test(`tells ${what}`, async t => {
    const error = judge(ended, failure, {})
    t.equal(error && formatError(error), text)
    t.equal(error?.exitCode, exitCode)
  })
}

t.test('tells a program that is not there, what for, and how to get it', async t => {
  const error = judge(startError('ENOENT'), failure, { reason: 'look at a disk' })
  t.equal(error && formatError(error), 'error: Could not find "qemu-img", needed to look at a disk. (apt-get install qemu-utils)')
  t.equal(error?.exitCode, 3)
})

t.test('is content with 0, or with the codes that the caller knows', async t => {
  t.equal(judge({ exitCode: 0 }, failure, {}), undefined)
  t.equal(judge({ exitCode: 3 }, failure, { okCodes: [0, 3] }), undefined)
  t.equal(judge({ exitCode: 0 }, failure, { okCodes: [3] })?.code, 'tool-failed')
})

t.test('the last line of a log says the end and the time', async t => {
  t.equal(endLine({ exitCode: 0 }, 1234), '# exit code 0 after 1.2 s')
  t.equal(endLine({ signal: 'SIGKILL' }, 60_000), '# SIGKILL after 60.0 s')
  t.equal(endLine(startError('ENOENT'), 4), '# not started after 0.0 s')
})
