/** An installation tree over HTTP: what Anaconda starts from is taken only as .treeinfo has it, and that only as the spec has it. */
import t from 'tap'
import type { Test } from 'tap'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { fixedDefaults } from '../../pipeline/spec/defaults.js'
import { elMedia, elMediaStage } from '../../pipeline/stages/el-media.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { startFileServer } from '../fixtures/file-server.js'
import { fakeContext } from '../fixtures/stage-context.js'

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const files = {
  'images/pxeboot/vmlinuz': 'a kernel',
  'images/pxeboot/initrd.img': 'an initrd',
  'LiveOS/squashfs.img': 'a system',
  'repodata/repomd.xml': '<repomd/>',
} as const

interface Changes {
  readonly version?: string
  /** Left out of .treeinfo's checksums. */
  readonly unsummed?: string
  /** Another content than .treeinfo says. */
  readonly changed?: string
  readonly gone?: string
  readonly wrongInfo?: boolean
}

async function fetchFrom(t: Test, { version = '7', unsummed, changed, gone, wrongInfo = false }: Changes = {}) {
  const folder = t.testdir({ web: {}, stage: {}, logs: {} })
  const sums = Object.entries(files).filter(([path]) => path !== unsummed).map(([path, text]) => `${path} = sha256:${sha256(text)}`)
  const info = [
    '[general]', `version = ${version}`, 'arch = x86_64', '[stage2]', 'mainimage = LiveOS/squashfs.img', '[images-x86_64]',
    'kernel = images/pxeboot/vmlinuz', 'initrd = images/pxeboot/initrd.img', '[checksums]', ...sums, '',
  ].join('\n')
  for (const [path, text] of Object.entries({ ...files, '.treeinfo': info })) {
    if (path === gone) continue
    mkdirSync(dirname(join(folder, 'web', path)), { recursive: true })
    writeFileSync(join(folder, 'web', path), path === changed ? `${text}!` : text)
  }
  const server = await startFileServer(join(folder, 'web'))
  t.teardown(server.close)
  const el = { ...fixedDefaults.el, installerUrl: `${server.url}/`, installerSha256: wrongInfo ? 'a'.repeat(64) : sha256(info) }
  const directory = join(folder, 'stage')
  const context = fakeContext(fakeRun([]).run, join(folder, 'logs'))
  const go = () => elMediaStage({ spec: { el, release: '7.9' }, cache: join(folder, 'cache') }, context, directory)
  return { go, directory, url: `${server.url}/`, infoSha256: sha256(info) }
}

t.test('kernel, initrd and the installer\'s own system come out as they are', async t => {
  const { go, directory } = await fetchFrom(t)
  const media = await go()
  t.same(media, elMedia(directory))
  t.same([media.kernel, media.initrd, join(media.served, 'LiveOS/squashfs.img'), media.stage2Name].map(path => readFileSync(path, 'utf8')), [
    'a kernel', 'an initrd', 'a system', 'LiveOS/squashfs.img',
  ])
  t.ok(existsSync(join(media.served, '.treeinfo')), 'dracut reads it there')
})

t.test('what is not as it was meant is refused, and nothing is left', async t => {
  const table: Readonly<Record<string, readonly [Changes, (at: { url: string; infoSha256: string }) => string]>> = {
    'a .treeinfo that the spec does not mean': [
      { wrongInfo: true },
      ({ url, infoSha256 }) => `error: ${url}.treeinfo is not what was meant: its SHA-256 is ${infoSha256}, not ${'a'.repeat(64)}. (give the digest of .treeinfo from a source you trust: --set el.installerSha256=DIGEST; other files are held to the digests in it)`,
    ],
    'a kernel that .treeinfo does not mean': [
      { changed: 'images/pxeboot/vmlinuz' },
      ({ url }) => `error: ${url}images/pxeboot/vmlinuz is not what was meant: its SHA-256 is ${sha256('a kernel!')}, not ${sha256('a kernel')}. (give the digest of .treeinfo from a source you trust: --set el.installerSha256=DIGEST; other files are held to the digests in it)`,
    ],
    'an index of packages that .treeinfo does not mean': [
      { changed: 'repodata/repomd.xml' },
      ({ url }) => `error: ${url}repodata/repomd.xml is not what was meant: its SHA-256 is ${sha256('<repomd/>!')}, not ${sha256('<repomd/>')}. (give the digest of .treeinfo from a source you trust: --set el.installerSha256=DIGEST; other files are held to the digests in it)`,
    ],
    'an initrd without a checksum': [
      { unsummed: 'images/pxeboot/initrd.img' },
      ({ url }) => `error: The .treeinfo of ${url} names no SHA-256 of images/pxeboot/initrd.img. (take a tree with SHA-256 checksums (those of RHEL 7 and newer have them), or a boot ISO: --set el.installerUrl=FILE.iso)`,
    ],
    'a tree of another release': [{ version: '8' }, ({ url }) => `error: The installer ${url} is of release 8, and the appliance is of 7.9. (take one of 7.9)`],
    'a file that is gone': [
      { gone: 'LiveOS/squashfs.img' },
      ({ url }) => `error: The installation tree could not be read: ${url}LiveOS/squashfs.img: HTTP 404. (name another one, or a boot ISO: --set el.installerUrl=FILE.iso; pipeline doctor APPLIANCE asks all addresses)`,
    ],
  }
  for (const [title, [changes, wanted]] of Object.entries(table)) {
    await t.test(title, async t => {
      const { go, directory, ...at } = await fetchFrom(t, changes)
      t.equal(formatError(await failureOf(go())), wanted(at))
      t.same(readdirSync(directory), [])
    })
  }
})
