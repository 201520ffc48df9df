/** Defaults: one place holds them, and the schema shows editors the same ones. */
import t from 'tap'
import { applyDefaults, fixedDefaults } from '../../pipeline/spec/defaults.js'
import { nodeAt, valueKeys } from '../../pipeline/spec/schema.js'

const least = { title: 'Test box', version: '1.2.3', family: 'debian', release: 'trixie' } as const
const context = { name: 'box', knownTargets: ['kvm', 'vmware'] }

t.test('completes the least description', async t => {
  t.same(applyDefaults(least, context), {
    ...least,
    ...fixedDefaults,
    name: 'box',
    kickstart: 'box.ks.hbs',
    hostname: 'box',
    targets: ['kvm', 'vmware'],
  })
})

t.test('keeps what was written, also inside a group', async t => {
  const spec = applyDefaults({ ...least, hostname: 'other', targets: [], hardware: { cpus: 8 } }, context)
  t.equal(spec.hostname, 'other')
  t.same(spec.targets, [])
  t.same(spec.hardware, { cpus: 8, memoryMib: 4096, diskGib: 10 })
})

t.test("the schema's defaults are the same, and none is missing there", async t => {
  const shown: Record<string, unknown> = {}
  for (const key of valueKeys()) {
    const node = nodeAt(key.split('.'))
    if (node && 'default' in node) shown[key] = node.default
  }
  t.same(shown, flatten(fixedDefaults))
})

t.test('every key of the schema is in the complete spec', async t => {
  const spec: Record<string, unknown> = { ...applyDefaults(least, context) }
  for (const key of valueKeys()) {
    const [first = '', second] = key.split('.')
    const value = spec[first]
    t.ok(second === undefined ? value !== undefined : Object.hasOwn(value as object, second), key)
  }
})

function flatten(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const flat: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(values)) {
    const isGroup =
      typeof value === 'object' && !Array.isArray(value) && Object.keys(value as object).length > 0
    if (!isGroup) flat[key] = value
    else for (const [inner, item] of Object.entries(value as object)) flat[`${key}.${inner}`] = item
  }
  return flat
}
