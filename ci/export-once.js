// Exports targets from one golden disk with the compiled pipeline, for ci/bench: prints what it took as JSON.
//   node ci/export-once.js DISK RELEASE-FOLDER target...
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const load = path => import(join(root, 'dist', path))
const [disk, release, ...names] = process.argv.slice(2)
const [{ createRun }, { renderFile }, { loadAppliance }, { defaultExportOptions, loadTargets, selectTargets }, { exportTargets, exportedTargets }] =
  await Promise.all(['tools/exec.js', 'render/engine.js', 'spec/load.js', 'targets/index.js', 'stages/export.js'].map(load))

const { signal } = new AbortController()
const allTargets = await loadTargets()
const knownTargets = allTargets.map(({ name }) => name)
const diskGib = statSync(disk).size / 1024 ** 3
const { spec } = await loadAppliance({ root, name: 'ciab', set: [`hardware.diskGib=${diskGib}`], knownTargets })
const templates = join(root, 'templates')
const run = createRun({ signal, parentEnv: process.env })
const context = { run, signal, progress: () => {}, logDirectory: release }
const deps = { run, render: (file, data) => renderFile({ root: templates, file, data }), templates }
const targets = selectTargets(allTargets, names).map(target => ({ target, key: 'bench' }))
const manifest = {
  formatVersion: 1, appliance: spec.name, title: spec.title, version: 'bench', architecture: spec.architecture,
  date: '2026-01-01T00:00:00.000Z', goldenKey: 'bench', specHash: 'bench', tools: {}, packageSources: [], packages: [],
}
const started = performance.now()
const held = await exportedTargets(release, targets.map(({ target, key }) => ({ name: target.name, key })))
const missing = targets.filter(({ target }) => !held.includes(target.name))
const request = { spec, version: 'bench', options: defaultExportOptions, release, goldenDisk: { path: disk, format: 'raw' }, targets: missing, manifest }
await exportTargets(request, deps, context)
const usage = process.resourceUsage()
process.stdout.write(`${JSON.stringify({
  seconds: (performance.now() - started) / 1000,
  cpuSeconds: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
  peakMib: Math.round(usage.maxRSS / 1024),
  exported: missing.map(({ target }) => target.name),
})}\n`)
