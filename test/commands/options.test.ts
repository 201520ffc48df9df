/** Options that several commands share, as commander reads them. */
import t from 'tap'
import { Command } from 'commander'
import { addInputs, addJson, addPlaces, checkConnections, checkSeconds, wholeNumber } from '../../pipeline/commands/options.js'
import { runMain } from '../fixtures/main-run.js'

/** The options that a command line gives, or what is said of it. */
function read(...argv: readonly string[]): Record<string, unknown> | string {
  const said: string[] = []
  const command = addJson(addPlaces(addInputs(new Command('build'))))
  command.exitOverride().configureOutput({ writeErr: text => void said.push(text) })
  try {
    return command.parse(argv, { from: 'user' }).opts()
  } catch {
    return said.join('').trim()
  }
}

const usual = { accel: 'auto', set: [], target: ['kvm'], ovaManifest: 'sha256' }

t.test('says what is built when nothing is said', async t => t.strictSame(read(), usual))

t.test('reads lists, repetitions and switches', async t => {
  const table: Readonly<Record<string, object>> = {
    '--target vmware': { target: ['vmware'] },
    '-t vmware,ova': { target: ['vmware', 'ova'] },
    '--target kvm,ova,kvm': { target: ['kvm', 'ova'] },
    '--target vmware -t ova --target vmware,kvm': { target: ['vmware', 'ova', 'kvm'] },
    '--set a=1 --set b=2': { set: ['a=1', 'b=2'] },
    '--ova-manifest none --hyperv-vhd': { ovaManifest: 'none', hypervVhd: true },
    '--mirror http://mirror.example/debian': { mirror: 'http://mirror.example/debian' },
    '--mirror https://user:word@mirror.example:8080/debian/': { mirror: 'https://user:word@mirror.example:8080/debian/' },
    '--version 1.0.0+20260101~rc_1-x': { version: '1.0.0+20260101~rc_1-x' },
    '--offline --json --accel tcg': { offline: true, json: true, accel: 'tcg' },
    '--root a --artifacts b --store c': { root: 'a', artifacts: 'b', store: 'c' },
  }
  for (const [line, found] of Object.entries(table)) t.strictSame(read(...line.split(' ')), { ...usual, ...found }, line)
  t.strictSame(read('--target', ' kvm , ova '), { ...usual, target: ['kvm', 'ova'] }, 'blanks around names')
})

const mirror = 'Write it like http://HOST/debian or https://HOST/debian.'
const version = 'Use letters, digits and . + ~ _ - and start with a letter or digit.'

t.test('refuses what would fail later, and says how to write it', async t => {
  const table: Readonly<Record<string, readonly [words: readonly string[], flags: string, hint: string]>> = {
    'no target': [['--target', ''], '-t, --target <names>', 'Give target names separated by commas.'],
    'an empty name': [['--target', 'kvm,,ova'], '-t, --target <names>', 'Give target names separated by commas.'],
    'a mirror without a scheme': [['--mirror', 'mirror.example/debian'], '--mirror <url>', mirror],
    'a mirror of another kind': [['--mirror', 'ftp://mirror.example/debian'], '--mirror <url>', mirror],
    'a mirror without a host': [['--mirror', 'http:///debian'], '--mirror <url>', mirror],
    'a mirror with a query': [['--mirror', 'http://mirror.example/debian?x=1'], '--mirror <url>', mirror],
    'a mirror with a fragment': [['--mirror', 'http://mirror.example/debian#x'], '--mirror <url>', mirror],
    'a mirror with a second word': [['--mirror', 'http://mirror.example/debian trixie'], '--mirror <url>', mirror],
    'a version with a folder': [['--version', '../1'], '--version <text>', version],
    'a version that is an option': [['--version=-1'], '--version <text>', version],
    'a version with a second line': [['--version', '1\n'], '--version <text>', version],
    'an empty version': [['--version', ''], '--version <text>', version],
  }
  for (const [what, [words, flags, hint]] of Object.entries(table)) {
    const value = words[1] ?? words[0]?.split('=')[1]
    t.equal(read(...words), `error: option '${flags}' argument '${value}' is invalid. ${hint}`, what)
  }
  t.equal(read('--accel', 'xen'), "error: option '--accel <kind>' argument 'xen' is invalid. Allowed choices are auto, kvm, tcg.")
  t.equal(read('--ova-manifest', 'md5'), "error: option '--ova-manifest <digest>' argument 'md5' is invalid. Allowed choices are sha256, sha1, none.")
})

t.test('numbers are within what makes sense', async t => {
  t.strictSame(['1', '16'].map(checkConnections), [1, 16])
  for (const value of ['0', '17', '1.5', '-1', 'many', '']) t.throws(() => checkConnections(value), { message: 'Give a whole number from 1 to 16.' }, value)
  for (const value of ['0', '17', '1.5', '-1', '1e1', '0x2', '']) t.throws(() => wholeNumber(1, 16)(value), { message: 'Give a whole number from 1 to 16.' }, value)
  t.strictSame(['0.5', '86400'].map(checkSeconds), [0.5, 86_400])
  for (const value of ['0', '-1', '86401', 'NaN', 'soon', '']) t.throws(() => checkSeconds(value), { message: 'Give a number of seconds above 0, at most a day.' }, value)
})

t.test('a number that would end in an endless upload, or in a date that there is not, is refused before anything is done', async t => {
  const publish = ['publish', 'nowhere', '--to', 's3://b/p']
  const prune = ['prune', '--to', 's3://b/p']
  const table: readonly (readonly [readonly string[], string])[] = [
    [[...publish, '--parallel', '0'], 'from 1 to 16'],
    [[...publish, '--parallel', '100000'], 'from 1 to 16'],
    [[...publish, '--valid-days', '0'], 'from 1 to 36500'],
    [[...publish, '--valid-days', '999999999'], 'from 1 to 36500'],
    [[...publish, '--stale-days', '999999999'], 'from 0 to 36500'],
    [[...publish, '--patience', '999999999'], 'from 0 to 86400'],
    [[...prune, '--keep', '-1'], 'from 0 to 999999'],
    [[...prune, '--keep-stable', 'some'], 'from 0 to 999999'],
    [[...prune, '--stale-days', '999999999'], 'from 0 to 36500'],
  ]
  for (const [argv, bounds] of table) {
    const { code, stderr } = await runMain(argv)
    t.same([code, stderr.includes(`Give a whole number ${bounds}.`)], [2, true], argv.join(' '))
  }
})

t.test('an endpoint that is none ends a command before it reads a release or asks a server', async t => {
  for (const argv of [['publish', 'nowhere'], ['prune'], ['releases']]) {
    const { code, stderr } = await runMain([...argv, '--to', 's3://b/p', '--endpoint', 'localhost:9000'])
    t.same([code, stderr.replace(/^no key.*\n/, '')], [2, 'error: "localhost:9000" is no address of an S3 server. (write --endpoint (or AWS_ENDPOINT_URL) as http://HOST:PORT or https://HOST; credentials do not belong in it)\n'], argv[0] ?? '')
  }
})
