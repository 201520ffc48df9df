/** Texts of targets: rendered for their readers, a person, a shell or Windows PowerShell. */
import t from 'tap'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renderFile } from '../../pipeline/render/engine.js'
import { checkPowerShell, plannedText, readme, writeTexts } from '../../pipeline/targets/target-texts.js'
import { failureOf } from '../fixtures/failure.js'
import { options, realDeps, signal, sourceDateEpoch, spec, version } from '../fixtures/target-contract.js'

const texts = [
  { name: 'README.txt', mediaType: 'text/plain', estimatedBytes: 1 },
  { name: 'start.sh', mediaType: 'application/x-sh', estimatedBytes: 1, executable: true },
  { name: 'import.ps1', mediaType: 'text/plain', estimatedBytes: 1 },
] as const

/** Writes texts of the templates given here, and returns their folder. */
async function write(base: string, templates: Readonly<Record<string, string>>, data: object = { title: 'Box' }): Promise<string> {
  const [root, directory] = [join(base, 'templates'), join(base, 'out')]
  mkdirSync(join(root, 'some'), { recursive: true })
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of Object.entries(templates)) writeFileSync(join(root, 'some', name), text)
  const render = (file: string, values: object) => renderFile({ root, file, data: values })
  await writeTexts({ target: 'some', directory, texts, data }, { ...realDeps, render, templates: root })
  return directory
}

const templates = { 'README.txt.hbs': '{{title}}\n', 'start.sh.hbs': '#!/bin/sh\n', 'import.ps1.hbs': 'Write-Host "{{title}}"\nexit 0\n' }
const checkOf = (directory: string) => checkPowerShell('import.ps1', ['Write-Host', 'Box'], { spec, version, sourceDateEpoch, options, directory, signal })

t.test('renders each, and only scripts can be started', async t => {
  const directory = await write(t.testdir({}), templates)
  t.equal(readFileSync(join(directory, 'README.txt'), 'utf8'), 'Box\n')
  const modes = Object.fromEntries(readdirSync(directory).map(name => [name, (statSync(join(directory, name)).mode & 0o111) === 0o111]))
  t.strictSame(modes, { 'README.txt': false, 'import.ps1': false, 'start.sh': true })
})

t.test('a script for Windows PowerShell has its mark and its line ends', async t => {
  const directory = await write(t.testdir({}), templates)
  t.equal(readFileSync(join(directory, 'import.ps1')).toString('latin1'), '\xef\xbb\xbfWrite-Host "Box"\r\nexit 0\r\n')
  t.strictSame(await checkOf(directory), { found: 'byte order mark, line ends of Windows, Write-Host Box; not run: there is no PowerShell here' })
})

t.test('each thing that PowerShell would misread is told', async t => {
  const directory = t.testdir({ 'import.ps1': 'Write-Host "Fox"\r\nexit 0\n' })
  t.strictSame(await checkOf(directory), {
    file: 'import.ps1',
    problems: ['has no byte order mark: Windows PowerShell 5 would misread it', 'has line ends that are not those of Windows', 'does not say Box'],
  })
  writeFileSync(join(directory, 'import.ps1'), '\ufeffBox\n')
  t.match(await checkOf(directory), { problems: ['has line ends that are not those of Windows'] })
  writeFileSync(join(directory, 'import.ps1'), '\ufeff\nBox\r\n')
  t.match(await checkOf(directory), { problems: ['has line ends that are not those of Windows'] }, 'in its first line, too')
})

t.test('a template that asks for what is not there writes none of that text', async t => {
  const base = t.testdir({})
  const error = await failureOf(write(base, { ...templates, 'start.sh.hbs': '{{tytle}}' }))
  t.equal(error.exitCode, 2)
  t.strictSame(readdirSync(join(base, 'out')), ['README.txt'])
})

t.test('a plan lists a text without what only the writer knows', async t => {
  t.strictSame(texts.map(plannedText), texts.map(({ name, mediaType }) => ({ name, mediaType, estimatedBytes: 1 })))
  t.equal(readme.name, 'README.txt')
})
