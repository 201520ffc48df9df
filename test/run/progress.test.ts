/** progress: one line per event, or a list on a terminal. */
import t from 'tap'
import { PassThrough } from 'node:stream'
import { stripVTControlCharacters } from 'node:util'
import { runSteps } from '../../pipeline/run/progress.js'
import type { Step } from '../../pipeline/run/progress.js'

function stream(isTTY: boolean) {
  const made = new PassThrough()
  let text = ''
  made.on('data', chunk => (text += String(chunk)))
  const stderr = Object.assign(made, { isTTY, columns: 100, rows: 40 }) as unknown as NodeJS.WriteStream
  return { stderr, text: () => stripVTControlCharacters(text) }
}

const ran: string[] = []
const media: Step = { name: 'media', stored: true, run: async () => void ran.push('media') }
const install: Step = {
  name: 'install', stored: false,
  run: async progress => {
    ran.push('install')
    progress('making file systems')
  },
}
const broken: Step = { name: 'audit', stored: false, run: async () => Promise.reject(new Error('a leftover')) }

t.beforeEach(() => void ran.splice(0))

t.test('a log has one line for each event, and a stored stage neither starts nor completes', async t => {
  const { stderr, text } = stream(false)
  await runSteps([media, install], stderr)
  t.same(ran, ['media', 'install'])
  t.equal(text(), 'media: stored\ninstall: started\ninstall: making file systems\ninstall: completed in 0 s\n')
})

t.test('the first error ends the steps and is passed on as it is', async t => {
  for (const isTTY of [false, true]) {
    ran.splice(0)
    const { stderr, text } = stream(isTTY)
    await t.rejects(runSteps([media, broken, install], stderr), new Error('a leftover'))
    t.same(ran, ['media'], 'nothing runs after it')
    t.notMatch(text(), 'a leftover', 'it is told once, by the command line')
  }
})

t.test('a terminal gets a list on the very stream, and signals stay with the pipeline', async t => {
  const before = process.listenerCount('SIGINT')
  const { stderr, text } = stream(true)
  const during: number[] = []
  const counting: Step = { name: 'provision', stored: false, run: async () => void during.push(process.listenerCount('SIGINT')) }
  const written: unknown[] = []
  const { write } = process.stdout
  process.stdout.write = ((chunk: unknown) => written.push(chunk) > 0) as typeof write
  try {
    await runSteps([media, install, counting], stderr)
  } finally {
    process.stdout.write = write
  }
  t.same(written, [], 'nothing on stdout')
  t.same(during, [before])
  t.match(text(), /media: stored/)
  t.match(text(), /install: 0 s/)
  t.same(ran, ['media', 'install'])
})
