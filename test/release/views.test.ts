import t from 'tap'
import { join } from 'node:path'
import { keepPublicUrl, writeDocument } from '../../pipeline/release/published-tree.js'
import { treeKeys } from '../../pipeline/release/tree.js'
import { listAppliances, vagrantCatalog, viewKeys, viewsOf, writeViews } from '../../pipeline/release/views.js'
import { boxName, boxVersion, providers } from '../../pipeline/targets/target-boxes.js'
import type { Provider } from '../../pipeline/targets/target-boxes.js'
import { textBody } from '../../pipeline/tools/body.js'
import { makeSshKey } from '../fixtures/keys.js'
import { memoryBucket } from '../fixtures/memory-bucket.js'
import { memoryTree } from '../fixtures/memory-tree.js'
import { channelDocument, indexDocument, listedRelease, publishedFile, releaseDocument } from '../fixtures/published-documents.js'

const url = 'https://downloads.example.org/images/'
const version = '1.2.0+20261124.aaaaaaaa'
const boxOf = (provider: Provider) => `vagrant/${boxName({ spec: { name: 'ciab' }, version }, provider)}`
const boxes = providers.map((provider, at) => publishedFile(boxOf(provider), { sha256: String(at).repeat(64) }))
const release = releaseDocument(version, { files: [...boxes, publishedFile('vagrant/foreign.box'), publishedFile('SHA256SUMS')] })

t.test("Vagrant's catalog names one version with a box for each provider", t => {
  t.same(vagrantCatalog(release, url), {
    name: 'evc/ciab', description: 'Cloud in a box',
    versions: [{
      version: boxVersion({ version, sourceDateEpoch: Date.UTC(2026, 10, 24, 2) / 1000 }), status: 'active',
      providers: [
        { name: 'libvirt', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-libvirt.box' },
        { name: 'virtualbox', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-virtualbox.box' },
        { name: 'vmware_desktop', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-vmware-desktop.box' },
        { name: 'hyperv', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-hyperv.box' },
      ].map(({ name, file }, at) => ({
        name, url: `${url}ciab/1.2.0%2B20261124.aaaaaaaa/vagrant/${file}`, checksum_type: 'sha256', checksum: String(at).repeat(64),
        architecture: 'amd64', default_architecture: true,
      })),
    }],
  })
  t.equal(vagrantCatalog(releaseDocument('1.2.0'), url), undefined, 'without boxes there is none')
  t.end()
})

t.test('each channel has its catalog, all appliances share the page', t => {
  const shown = (appliance: string) => ({
    index: indexDocument([listedRelease(release.version)], { appliance, title: `Title of ${appliance}` }),
    channels: [channelDocument('nightly', release.version), channelDocument('stable', '0')], releases: [release],
  })
  const views = viewsOf([shown('ciab'), shown('other')], 'ciab', url)
  t.same(Object.keys(views).sort(), ['ciab/vagrant/nightly.json', 'ciab/vagrant/stable.json', 'index.html'])
  t.equal(views['ciab/vagrant/stable.json'], null, 'stable points to a release that is not shown')
  t.same(JSON.parse(views['ciab/vagrant/nightly.json'] ?? ''), vagrantCatalog(release, url))
  t.match(views['index.html'], `data-address="${url}"`)
  t.match(views['index.html'], /Title of ciab[^]*Title of other/)
  t.end()
})

t.test('an appliance is a folder with an index; others in the bucket are nobody\'s business', async t => {
  const bucket = memoryBucket()
  for (const key of ['p/ciab/index.json', 'p/photos/a.png', 'p/with space/index.json', 'p/index.html', 'elsewhere/index.json']) {
    await bucket.put(key, textBody('{}'), { contentType: '', cacheControl: '', sha256: '' })
  }
  t.same(await listAppliances({ bucket, prefix: 'p/' }), ['ciab'])
})

t.test('a publish writes the page, and a catalog where there are boxes', t => {
  t.same(viewKeys(release, 'nightly'), ['ciab/vagrant/nightly.json', 'index.html'])
  t.same(viewKeys(releaseDocument('1'), 'nightly'), ['index.html'])
  t.end()
})

/** Three releases, the newest in `nightly`. */
async function threeReleases(key?: string) {
  const made = await memoryTree(key, { publicUrl: url })
  const older = ['0.9', '0.8'].map(version => releaseDocument(version))
  for (const each of [release, ...older]) await writeDocument(made.tree, treeKeys.releaseIndex('ciab', each.version), each, null)
  const listed = [listedRelease(release.version), listedRelease('0.9'), listedRelease('0.8', { retracted: { at: '2026-11-24T04:00:00Z', reason: 'broken' } })]
  await writeDocument(made.tree, treeKeys.index('ciab'), indexDocument(listed), null)
  await writeDocument(made.tree, treeKeys.channel('ciab', 'nightly'), channelDocument('nightly', release.version), null)
  return made
}

t.test("the row of an older release links each target's file, but not of one that was taken back", async t => {
  const { tree, bucket } = await threeReleases()
  await writeViews(tree, 'ciab', url)
  const page = (await bucket.get('p/index.html'))?.text ?? ''
  for (const { name, mainFile } of releaseDocument('0.9').targets) t.match(page, `<a href="ciab/0.9/${mainFile}" download>${name}</a>`)
  t.notMatch(page, /href="ciab\/0\.8\/\w+\/ciab/)
})

t.test('an older release that is damaged, or signed by another key, costs its links only', async t => {
  const { tree, bucket, said } = await threeReleases()
  await bucket.put('p/ciab/0.9/index.json', textBody('{}'), { contentType: '', cacheControl: '', sha256: '' })
  await writeViews(tree, 'ciab', url)
  t.match((await bucket.get('p/index.html'))?.text, '<td>0.9</td>')
  t.match(said[0], /^the page leaves out the files of ciab 0\.9: /)
})

t.test('a release of another appliance that is damaged costs its card, not the appliance; of the one that is changed it is an error', async t => {
  const { tree, bucket, said } = await threeReleases()
  await bucket.put(`p/ciab/${version}/index.json`, textBody('{}'), { contentType: '', cacheControl: '', sha256: '' })
  await t.rejects(writeViews(tree, 'ciab', url), { code: 'document-wrong', exitCode: 5 })
  await writeViews(tree, 'other', url)
  t.match((await bucket.get('p/index.html'))?.text, '<td>0.9</td>')
  t.match(said[0], `the page leaves out the files of ciab ${version}: `)
})

t.test('what is added unsigned to a signed tree is in no view, whatever it claims', async t => {
  const { tree, bucket, said } = await threeReleases(makeSshKey(join(t.testdir({}), 'key')))
  await writeViews(tree, 'ciab', url)
  const page = bucket.objects.get('p/index.html')?.bytes.toString()
  t.match(page, version)
  const fake = releaseDocument('9.9', { files: boxes, signatures: ['ssh'] })
  const add = async (key: string, signed: object) => await bucket.put(`p/${key}`, textBody(JSON.stringify({ signed, signatures: [] })), { contentType: '', cacheControl: '', sha256: '' })
  await add('ciab/9.9/index.json', fake)
  await add('ciab/channels/beta.json', channelDocument('beta', '9.9'))
  await add('evil/index.json', indexDocument([listedRelease('9.9', { signed: true })], { appliance: 'evil' }))
  await writeViews(tree, 'ciab', url)
  t.equal(bucket.objects.get('p/index.html')?.bytes.toString(), page)
  t.notOk(bucket.objects.has('p/ciab/vagrant/beta.json'))
  t.match(said.slice(-2).sort(), [/leaves out evil: it is not signed, and the tree is$/, /leaves out the channel beta of ciab: it is not signed, and the tree is$/])
  // The release of a signed pointer, changed for an unsigned one.
  await bucket.remove([`p/ciab/${version}/index.json`])
  await add(`ciab/${version}/index.json`, { ...release, title: 'not ours' })
  await writeViews(tree, 'ciab', url)
  t.notMatch(bucket.objects.get('p/index.html')?.bytes.toString(), 'not ours')
  t.notOk(bucket.objects.has('p/ciab/vagrant/nightly.json') && /not ours/.test(bucket.objects.get('p/ciab/vagrant/nightly.json')?.bytes.toString() ?? ''))
})

t.test('the address that one command was told is kept for those that are not told it', async t => {
  const { tree, bucket } = await threeReleases()
  await keepPublicUrl(tree, 'ciab')
  const { publicUrl: _told, ...untold } = tree
  await keepPublicUrl(untold, 'ciab')
  t.equal(await writeViews(untold, 'ciab', 'http://memory/images/'), url)
  t.match((await bucket.get('p/ciab/vagrant/nightly.json'))?.text, `"url": "${url}ciab/`)
  await keepPublicUrl({ ...tree, publicUrl: 'https://new.example.org/' }, 'ciab')
  t.equal(await writeViews(untold, 'ciab', 'http://memory/images/'), 'https://new.example.org/')
})

t.test('a catalog of a channel that points to nothing any more is taken away', async t => {
  const { tree, bucket } = await memoryTree()
  const { current: _current, ...empty } = channelDocument('nightly', '1')
  await writeDocument(tree, 'ciab/index.json', indexDocument([]), null)
  await writeDocument(tree, 'ciab/channels/nightly.json', empty, null)
  await bucket.put('p/ciab/vagrant/nightly.json', textBody('old'), { contentType: '', cacheControl: '', sha256: '' })
  await writeViews(tree, 'ciab', url)
  t.same([...bucket.objects.keys()].sort(), ['p/ciab/channels/nightly.json', 'p/ciab/index.json', 'p/index.html'])
})
