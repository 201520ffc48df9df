import t from 'tap'
import { listAppliances, vagrantCatalog, viewsOf } from '../../pipeline/release/views.js'
import { boxName, providers } from '../../pipeline/targets/target-boxes.js'
import type { Provider } from '../../pipeline/targets/target-boxes.js'
import { textBody } from '../../pipeline/tools/body.js'
import { memoryBucket } from '../fixtures/memory-bucket.js'
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
      version: '1.2.0.20261124020000', status: 'active',
      providers: [
        { name: 'libvirt', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-libvirt.box' },
        { name: 'virtualbox', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-virtualbox.box' },
        { name: 'vmware_desktop', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-vmware-desktop.box' },
        { name: 'hyperv', file: 'ciab-1.2.0%2B20261124.aaaaaaaa-hyperv.box' },
      ].map(({ name, file }, at) => ({
        name, url: `${url}ciab/1.2.0%2B20261124.aaaaaaaa/vagrant/${file}`, checksum_type: 'sha256', checksum: String(at).repeat(64),
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
  t.same(Object.keys(views).sort(), ['ciab/vagrant/nightly.json', 'index.html'], 'stable points to a release that is not shown')
  t.same(JSON.parse(views['ciab/vagrant/nightly.json'] ?? ''), vagrantCatalog(release, url))
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
