/** The bill of materials of the image that was built: what dpkg's own program reads out of the same disk. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { readLayout } from '../../pipeline/tools/partitions.js'
import { builtImage, sharedPlaces } from '../fixtures/built-image.js'
import { runCli } from '../fixtures/cli-run.js'
import { sbomProblems } from '../fixtures/cyclonedx.js'

const places = sharedPlaces(t)

interface Component {
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: readonly object[]
}

/** `name version architecture` of every installed package. */
async function askDpkg(disk: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dpkg-'))
  try {
    const root = (await readLayout(disk)).partitions.at(-1)
    execFileSync('debugfs', ['-R', `dump /var/lib/dpkg/status ${folder}/status`, `${disk}?offset=${root?.startBytes}`], { stdio: 'pipe' })
    for (const name of ['info', 'updates']) mkdirSync(join(folder, name))
    const format = '${db:Status-Status} ${Package} ${Version} ${Architecture}\\n'
    const said = execFileSync('dpkg-query', [`--admindir=${folder}`, '--show', `--showformat=${format}`], { encoding: 'utf8' })
    return said.split('\n').flatMap(line => /^installed (.*)$/.exec(line)?.[1] ?? []).sort()
  } finally {
    rmSync(folder, { recursive: true })
  }
}

t.test('signing lists every package that dpkg has on the golden disk, and no other, as valid CycloneDX', async t => {
  const { release, disk } = await builtImage(places)
  // Links are enough: what signing writes, it writes under new names and renames.
  const copy = join(places.work, `signed/${basename(release)}`)
  mkdirSync(join(places.work, 'signed'), { recursive: true })
  execFileSync('cp', ['--archive', '--link', release, copy])
  t.teardown(() => rmSync(copy, { recursive: true }))
  const { code, stderr } = await runCli(['sign', copy, '--store', places.store])
  t.equal(code, 0, stderr)
  const text = readFileSync(join(copy, 'sbom.cdx.json'), 'utf8')
  t.same(sbomProblems(text), [])
  const { components } = JSON.parse(text) as { components: readonly Component[] }
  const listed = components.map(({ name, version, purl }) => `${name} ${version} ${/arch=([^&]+)/.exec(purl)?.[1]}`).sort()
  t.ok(listed.length > 200, `${listed.length} packages`)
  t.same(listed, await askDpkg(disk))
  t.ok(components.filter(({ licenses }) => licenses).length > listed.length / 2, 'most licences are known')
})
