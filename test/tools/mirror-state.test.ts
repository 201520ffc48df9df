/** The state of a mirror as apt leaves it on disk, and what apt says when it cannot have it. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { updateLists } from '../../pipeline/tools/apt-resolve.js'
import { withApt } from '../../pipeline/tools/apt-root.js'
import type { DebSource } from '../../pipeline/tools/deb-sources.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { readIndexes } from '../../pipeline/tools/mirror-state.js'
import { findTool } from '../../pipeline/tools/need.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { startIndexServer } from '../fixtures/index-server.js'
import { inRelease } from '../fixtures/played-apt.js'

const sources: readonly DebSource[] = ['trixie', 'trixie-updates'].map(suite => ({ url: 'http://m.example/debian', suite, component: 'main' }))
const text = inRelease('Sat, 15 Nov 2025 09:50:13 UTC')
const sha256 = (body: string) => createHash('sha256').update(body).digest('hex')

const noApt = (await findTool('apt-get', process.env['PATH'] ?? '')) ? false : 'apt is not installed here'

t.test('reads digest and date of each index, whichever form the mirror has', async t => {
  const lists = t.testdir({
    'm.example_debian_dists_trixie_InRelease': text,
    'm.example_debian_dists_trixie_main_binary-amd64_Packages': '',
    'm.example_debian_dists_trixie-updates_Release': 'Origin: Debian\n',
    'm.example_debian_dists_trixie-updates_Release.gpg': '',
  })
  t.same(await readIndexes(lists, sources), [
    { suite: 'trixie', sha256: sha256(text), date: '2025-11-15T09:50:13.000Z' },
    { suite: 'trixie-updates', sha256: sha256('Origin: Debian\n'), date: '1970-01-01T00:00:00.000Z' },
  ])
})

const hint = '(try another one with --mirror URL, or --offline to build from the package list of the last build)'

t.test('an index that apt did not keep is named', async t => {
  const error = await failureOf(readIndexes(t.testdir({}), sources))
  const problem = 'http://m.example/debian/dists/trixie/InRelease: apt kept no index of it'
  t.equal(formatError(error), `error: apt does not take the index of the Debian mirror: ${problem}. ${hint}`)
  t.equal(error.exitCode, 4)
})

interface Real {
  readonly answer: number | 'gone' | 'unsigned'
  /** `URL` stands for the mirror's. */
  readonly message: string
}

const real: Readonly<Record<string, Real>> = {
  'has no such suite': {
    answer: 404,
    message: 'The Debian mirror URL has no suite "trixie". (name a mirror that carries this release with --mirror URL)',
  },
  'wants a password': { answer: 401, message: `The Debian mirror does not answer: URL/dists/trixie/InRelease: 401 Unauthorized. ${hint}` },
  'is not there': {
    answer: 'gone',
    message: `The Debian mirror does not answer: URL/dists/trixie/InRelease: Could not connect to HOST (127.0.0.1). - connect (111: Connection refused). ${hint}`,
  },
  'is not signed': {
    answer: 'unsigned',
    message: `apt does not take the index of the Debian mirror: URL/dists/trixie/InRelease: Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?). ${hint}`,
  },
}

for (const [what, { answer, message }] of Object.entries(real)) {
  t.test(`says that a mirror ${what}, in the words of a real apt, without the password`, { skip: noApt }, async t => {
    const server = await startIndexServer()
    t.teardown(server.close)
    if (answer === 'unsigned') server.indexes.set('trixie', text)
    if (typeof answer === 'number') server.instead = answer
    if (answer === 'gone') server.close()
    const directory = t.testdir({})
    const url = server.url.replace('://', '://user:sesame@')
    const run = createRun({ signal: new AbortController().signal, parentEnv: process.env })
    const request = { sources: [{ url, suite: 'trixie', component: 'main' }], directory, kept: join(directory, 'kept'), secrets: ['sesame'] }
    const error = await failureOf(withApt(request, root => updateLists(root, run)))
    const { host } = new URL(server.url)
    t.equal(error.message + ` (${error.hint})`, message.replace('URL', server.url).replace('HOST', host))
    t.equal(error.exitCode, 4)
  })
}

t.test('words that tell nothing are passed on (apt is played)', async t => {
  const directory = t.testdir({})
  const { run } = fakeRun([{ on: / update /, exitCode: 100, stderr: 'E: The list of sources could not be read.\n' }])
  const error = await failureOf(withApt({ sources, directory, kept: join(directory, 'kept'), secrets: [] }, root => updateLists(root, run)))
  t.equal(
    formatError(error),
    `error: apt does not take the index of the Debian mirror: http://m.example/debian: apt-get update failed. ${hint}\n  E: The list of sources could not be read.`
  )
})
