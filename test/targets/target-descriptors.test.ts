/** Descriptors: what they say is held to what was asked, by the same rules at export and in verification. */
import t from 'tap'
import { vmxWrong } from '../../pipeline/errors/images.js'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { checkDescriptor, checkPacked, requireDescriptor } from '../../pipeline/targets/target-descriptors.js'
import { askedDomain } from '../../pipeline/targets/target-domain.js'
import { failureOf } from '../fixtures/failure.js'
import { spec } from '../fixtures/target-contract.js'

const parse = (text: string, file: string) => {
  if (text === 'none') throw vmxWrong(file, 'line 1')
  return new Map(Object.entries(JSON.parse(text) as object))
}
const descriptor = { file: 'a.cfg', parse, wanted: { memory: 1, disk: ['x'], altp2m: undefined } }
const right = '{"memory":1,"disk":["x"],"more":1}'
const wrong = '{"memory":"1","altp2m":1}'

t.test('what says all that was asked is taken', async t => {
  requireDescriptor(descriptor, right)
  t.same(checkDescriptor(descriptor, right), { found: 'memory, disk' })
})

t.test('each difference is told', async t => {
  const problems = ['has memory = "1", wanted 1', 'has disk = nothing, wanted ["x"]', 'must not set altp2m']
  t.same(checkDescriptor(descriptor, wrong), { file: 'a.cfg', problems })
  const hint = '(see its template in templates/: the value does not reach the place where it is read)'
  const error = await failureOf((async () => requireDescriptor(descriptor, wrong))())
  t.equal(error.exitCode, 5)
  t.strictSame(error.details, problems.map(problem => `a.cfg ${problem}. ${hint}`))
})

t.test('what must be there is told, whatever its value', async t => {
  const asked = { ...descriptor, present: ['more', 'disk', 'uuid'] }
  t.same(checkDescriptor(asked, wrong), { file: 'a.cfg', problems: ['lacks more', 'lacks disk', 'lacks uuid', 'has memory = "1", wanted 1', 'must not set altp2m'] })
  t.same(checkDescriptor({ ...asked, present: ['more'] }, right), { found: 'memory, disk' })
})

t.test('of a packed descriptor the archive is at fault', async t => {
  t.same(checkPacked('a.zip', descriptor, right), { found: 'memory, disk' })
  t.same(checkPacked('a.zip', { ...descriptor, wanted: { memory: 2 } }, right), { file: 'a.zip', problems: ['holds a.cfg, which has memory = 1, wanted 2'] })
  t.same(checkPacked('a.zip', descriptor, 'none'), { file: 'a.zip', problems: ['holds a.cfg, which cannot be read: a.cfg is no .vmx file: line 1'] })
})

t.test('what cannot be read is told by its reader', async t => {
  t.throws(() => requireDescriptor(descriptor, 'none'), PipelineError)
  t.same(checkDescriptor(descriptor, 'none'), { file: 'a.cfg', problems: ['cannot be read: a.cfg is no .vmx file: line 1'] })
  t.throws(() => checkDescriptor({ ...descriptor, parse: () => { throw new TypeError('ours') } }, ''), TypeError)
})

t.test("a domain's values are found where libvirt reads them", async t => {
  const domain = askedDomain('x.qcow2', { spec, version: '1' })
  const text = (memory: string) =>
    `<domain><name>ciab-1</name><title>Cloud in a box 1</title>${memory}<vcpu>2</vcpu><cpu mode='host-passthrough'/><devices><disk>` +
    `<driver type='qcow2'/><source file='/var/lib/libvirt/images/x.qcow2'/></disk><interface><source network='default'/></interface></devices></domain>`
  t.match(checkDescriptor(domain, text("<memory unit='MiB'>4096</memory>")), { found: /^name, title, memory/ })
  t.same(checkDescriptor(domain, text('<memory>4096</memory><!-- <memory unit="MiB"/> -->')), { file: 'domain.xml', problems: ['has memory unit = nothing, wanted "MiB"'] })
  t.match(checkDescriptor(domain, '<domain>'), { problems: [/^cannot be read: domain\.xml is no well-formed XML/] })
})
