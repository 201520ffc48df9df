/** Every shell script that runs in a guest or on a person's or builder's machine: shellcheck finds no fault, dash reads what is sh. */
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { realDeps } from '../fixtures/target-contract.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The kvm kit and the start scripts are checked as they are put together, by their targets' tests. */
const elsewhere = /^templates\/(kvm|kit)\//
/** Sourced by others, or sourcing what is only there in the guest: names and files that shellcheck cannot see. */
const unseen = 'SC1090,SC1091,SC2034,SC2154'

function shellOf(path: string): 'sh' | 'bash' | undefined {
  const first = readFileSync(join(root, path), 'utf8').split('\n', 1)[0] ?? ''
  if (/^#!\/bin\/bash\b/.test(first)) return 'bash'
  return /^#!\/bin\/sh\b/.test(first) || path.endsWith('.sh') ? 'sh' : undefined
}

const scripts = ['kickstarts', 'templates', 'ci'].flatMap(folder => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)))
  .filter(path => statSync(join(root, path)).isFile() && !path.endsWith('.hbs') && !elsewhere.test(path))

for (const shell of ['sh', 'bash'] as const) {
  t.test(`shellcheck finds no fault in those of ${shell}`, { timeout: 300_000 }, async t => {
    const files = scripts.filter(path => shellOf(path) === shell)
    t.ok(files.length > (shell === 'sh' ? 20 : 3), files.join(' '))
    const { stdout } = await realDeps.run(['shellcheck', '-s', shell, '-S', 'warning', '-e', unseen, ...files], { cwd: root, okCodes: [0, 1] })
    t.equal(stdout, '')
    if (shell === 'sh') for (const file of files) await realDeps.run(['dash', '-n', file], { cwd: root })
  })
}
