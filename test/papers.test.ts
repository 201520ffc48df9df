/** Holds the papers to the code: paths exist, words are documented; and the code to the papers: imports go one way. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createProgram } from '../pipeline/commands/program.js'
import { exitCodes } from '../pipeline/errors/exit-codes.js'
import { stageNames } from '../pipeline/plan/plan.js'
import { targetNames } from '../pipeline/targets/index.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const papers = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'DECISIONS.md', 'CHANGELOG.md']
const layers = ['errors', 'tools', 'images', 'spec', 'kickstart', 'targets', 'plan', 'render', 'stages', 'run', 'commands', 'cli']

/** Tracked files that are in the working tree too; in CI's containers the tree may belong to another user. */
const tracked = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter(path => path !== '' && existsSync(join(root, path)))

/** Words in backticks (and link targets) whose first part is a folder or a dot folder of this repository's root. */
function pathsIn(text: string): string[] {
  const prose = text.replace(/^```[\s\S]*?^```/gm, '')
  const quoted = [...prose.matchAll(/`([^`\n]+)`/g)].flatMap(([, words = '']) => words.split(/[\s,]+/))
  const linked = [...prose.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = '']) => path)
  const folders = new Set([...tracked].filter(path => path.includes('/')).map(path => path.split('/')[0]))
  const inRoot = quoted.filter(word => folders.has(word.split('/')[0] ?? '') && word.includes('/'))
  return [...new Set([...inRoot, ...linked])].filter(path => !/[<>*{}…]/.test(path))
}

/** What builds write there is not in the repository. */
const made = /^artifacts\/./

t.test('finds the paths of a text, and only those', async t => {
  const text = 'Run `ci/nothing here`, see `pipeline/<x>.ts`, `/state.json`, `a/b` and [it](NONE.md).\n```\n`ci/shown`\n```\n'
  t.same(pathsIn(text), ['ci/nothing', 'NONE.md'])
})

for (const paper of papers) {
  t.test(`${paper} names no path that does not exist`, async t => {
    const missing = pathsIn(read(paper)).filter(path => !made.test(path) && !existsSync(join(root, path)))
    t.same(missing, [])
  })
}

t.test('every stage, target, command and exit code is documented', async t => {
  const text = read('README.md') + read('ARCHITECTURE.md')
  const io = { stdout: process.stdout, stderr: process.stderr, env: {} }
  const commands = createProgram(io).commands.map(command => command.name())
  t.ok(commands.includes('build'))
  const wanted = {
    stage: stageNames.map(name => [name, `| ${name} |`]),
    target: (await targetNames()).map(name => [name, `\`${name}\``]),
    command: commands.map(name => [name, `\`pipeline ${name}`]),
    'exit code': Object.values(exitCodes).map(code => [String(code), `| ${code} |`]),
  }
  for (const [kind, words] of Object.entries(wanted)) {
    t.same(words.filter(([, shown = '']) => !text.includes(shown)).map(([word]) => word), [], `undocumented ${kind}`)
  }
})

/** Index of the layer a path below pipeline/ belongs to; a file right there is the command line itself. */
function layerOf(path: string): number {
  return layers.indexOf(path.includes('/') ? (path.split('/')[0] ?? '') : path.replace(/\.[jt]s$/, ''))
}

/** Imports of one file that point to a later layer, or to no layer at all. */
function wrongImports(path: string, text: string): string[] {
  const found = [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)].map(([, target = '']) => target)
  return found.flatMap(target => {
    const resolved = new URL(target, `file:///${path}`).pathname.slice(1)
    const layer = layerOf(resolved)
    return layer >= 0 && layer <= layerOf(path) ? [] : [`${path} imports ${resolved}`]
  })
}

t.test('an import of a later layer is found', async t => {
  t.same(wrongImports('tools/x.ts', "import { a } from '../errors/tools.js'\nimport b from './b.js'"), [])
  t.same(wrongImports('tools/x.ts', "import { a } from '../spec/a.js'"), ['tools/x.ts imports spec/a.js'])
  t.same(wrongImports('run/x.ts', "await import('../commands/a.js')"), ['run/x.ts imports commands/a.js'])
  t.same(wrongImports('run/x.ts', "export { a } from '../helpers/a.js'"), ['run/x.ts imports helpers/a.js'])
})

t.test('imports go one way, in the order that ARCHITECTURE.md gives', async t => {
  t.match(read('ARCHITECTURE.md'), layers.join(' < '))
  const files = readdirSync(join(root, 'pipeline'), { recursive: true, encoding: 'utf8' }).filter(path => path.endsWith('.ts'))
  t.ok(files.length > 50, 'the source is read')
  t.same(files.filter(path => layerOf(path) < 0), [], 'every folder is a layer')
  t.same(files.flatMap(path => wrongImports(path, read(join('pipeline', path)))), [])
})

// Written so that this file does not match itself.
const registryHost =
  /\b(?:(?:deb|security|snapshot|archive|cdn-fastly|ftp(?:\.[a-z]{2})?)\.debian\.org|registry\.(?:npmjs|yarnpkg)\.(?:org|com))\b/i

t.test('a registry host is recognised', async t => {
  const join = (...parts: string[]) => parts.join('.')
  for (const host of [join('deb', 'debian', 'org'), join('ftp', 'de', 'debian', 'org'), join('registry', 'npmjs', 'org')]) {
    t.match(`https://${host}/debian`, registryHost)
  }
  t.notMatch('https://bugs.debian.org/1', registryHost)
})

t.test('no tracked file names a mirror or registry, or is larger than 2 MiB', async t => {
  const files = tracked.filter(path => statSync(join(root, path)).isFile())
  t.ok(files.includes('package-lock.json'))
  t.same(files.filter(path => statSync(join(root, path)).size > 2 * 1024 * 1024), [], 'larger than 2 MiB')
  t.same(files.filter(path => registryHost.test(read(path))), [], 'names a host')
})
