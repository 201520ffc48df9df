import t from 'tap'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { checkLines, checkPanel, openpgpLines } from '../../pipeline/release/page-check.js'
import { startFileServer } from '../fixtures/file-server.js'
import { repository } from '../fixtures/main-run.js'
import { releaseDocument } from '../fixtures/published-documents.js'

const url = 'https://downloads.example.org/images/'
const told = { url, told: true }
const kvm = { name: 'kvm', mainFile: 'kvm/a+b.qcow2' }

t.test('the lines download, check the signatures that are there, then the sums', t => {
  const sums = `${url}ciab/1/kvm/SHA256SUMS`
  t.same(checkLines(releaseDocument('1', { signatures: ['ssh', 'openpgp'] }), kvm, url), [
    `curl -fL -C - -o a+b.qcow2 '${url}ciab/1/kvm/a%2Bb.qcow2'`,
    `curl -fL -o SHA256SUMS '${sums}' -o SHA256SUMS.sig '${sums}.sig' -o SHA256SUMS.asc '${sums}.asc'`,
    'ssh-keygen -Y verify -f allowed_signers -I release -n appliance-release -s SHA256SUMS.sig < SHA256SUMS',
    'gpg --show-keys --with-fingerprint release.asc',
    'gpg --import release.asc',
    'gpg --verify SHA256SUMS.asc SHA256SUMS',
    'sha256sum -c --ignore-missing SHA256SUMS',
  ])
  t.same(checkLines(releaseDocument('1', { signatures: [] }), kvm, url).length, 3)
  t.notMatch(checkLines(releaseDocument('1', { signatures: ['ssh'] }), kvm, url).join('\n'), /gpg/, 'only where there is such a signature')
  t.end()
})

t.test('README tells the same lines for OpenPGP', t => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8')
  t.same(openpgpLines.filter(line => !new RegExp(`^${line}(?: +#|$)`, 'm').test(readme)), [])
  t.end()
})

t.test('the panel shows the lines of kvm where there is one, and says where the key comes from', t => {
  const { text } = checkPanel(releaseDocument('1'), told)
  t.match(text, `${url}ciab/1/kvm/ciab-1.qcow2`)
  t.match(text, /The key must come from elsewhere than this page: <code>allowed_signers<\/code> is in <code>keys\/<\/code> of the publisher's repository\./)
  t.match(checkPanel(releaseDocument('1', { signatures: ['ssh', 'openpgp'] }), told).text, /repository; <code>release\.asc<\/code> is the publisher's OpenPGP key, whose fingerprint/)
  t.notMatch(text, /release\.asc/)
  t.equal(checkPanel(releaseDocument('1', { targets: [] }), told).text, '')
  t.end()
})

t.test('a page that nobody has told its address says so where no script puts the right one', t => {
  const noted = '<noscript><p>If you see this page at another address than <code>https://s3.example.org/b/</code>,'
  t.match(checkPanel(releaseDocument('1'), { url: 'https://s3.example.org/b/', told: false }).text, noted)
  t.notMatch(checkPanel(releaseDocument('1'), told).text, '<noscript>')
  t.end()
})

t.test('curl and sha256sum take the lines as they are, whatever the name', async t => {
  for (const name of ['ciab-1.0+2026 fünf.qcow2', "it's here/a+b.zip"]) {
    const sum = (text: string) => createHash('sha256').update(text).digest('hex')
    const folder = t.testdir({ mine: {}, 'ciab': { '1+2': { kvm: { SHA256SUMS: `${sum('disk')}  ${name}\n${sum('other')}  other\n` } } } })
    mkdirSync(dirname(join(folder, 'ciab/1+2/kvm', name)), { recursive: true })
    writeFileSync(join(folder, 'ciab/1+2/kvm', name), 'disk')
    const server = await startFileServer(folder)
    t.teardown(() => server.close())
    const lines = checkLines(releaseDocument('1+2', { signatures: [] }), { name: 'kvm', mainFile: `kvm/${name}` }, `${server.url}/`)
    const shell = (line: string) => promisify(execFile)('sh', ['-c', line], { cwd: join(folder, 'mine'), env: { ...process.env, LC_ALL: 'C.UTF-8' } })
    const answers: string[] = []
    for (const line of lines) answers.push((await shell(line)).stdout)
    t.equal(answers.at(-1), `${name}: OK\n`)
  }
})
