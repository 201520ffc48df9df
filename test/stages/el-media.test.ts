/** Media of the el family from a boot ISO of this disk: compared, of the right release, and taken as it was. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { fixedDefaults } from '../../pipeline/spec/defaults.js'
import { elMedia, elMediaStage } from '../../pipeline/stages/el-media.js'
import { makeBootIso } from '../fixtures/boot-iso.js'
import { failureOf } from '../fixtures/failure.js'
import { realRun } from '../fixtures/sealed-disk.js'
import { fakeContext } from '../fixtures/stage-context.js'

const folder = t.testdir({ seven: {}, nine: {}, good: {}, bad: {} })
const [seven, nine] = [await makeBootIso(join(folder, 'seven')), await makeBootIso(join(folder, 'nine'), { version: '9.4' })]
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

function stage(iso: { readonly path: string; readonly sha256: string }, directory: string) {
  const el = { ...fixedDefaults.el, installerUrl: iso.path, installerSha256: iso.sha256 }
  return elMediaStage({ spec: { el, release: '7.9' }, cache: join(folder, 'cache') }, fakeContext(realRun, folder), join(folder, directory))
}

t.test('keeps the ISO itself, and what is booted out of it', async t => {
  const media = await stage(seven, 'good')
  t.same(media, elMedia(join(folder, 'good')))
  t.equal(sha256(media.iso), seven.sha256)
  t.same([media.kernel, media.initrd, media.stage2Name].map(path => readFileSync(path, 'utf8')), [
    'images/pxeboot/vmlinuz of the test', 'images/pxeboot/initrd.img of the test', '',
  ])
  t.same(readdirSync(media.served), [], 'nothing of an ISO is read over HTTP')
})

t.test('another ISO than was meant, of another release, or none at all is refused; nothing is left', async t => {
  const text = join(folder, 'text.iso')
  writeFileSync(text, 'no ISO')
  const wrong = 'b'.repeat(64)
  const refusals: readonly (readonly [{ path: string; sha256: string }, string])[] = [
    [{ path: seven.path, sha256: wrong }, `error: The installer's ISO ${seven.path} is not the one that was meant: its SHA-256 is ${seven.sha256}, not ${wrong}. (fetch it again, or give its digest from a source you trust: --set el.installerSha256=DIGEST)`],
    [nine, `error: The installer ${nine.path} is of release 9.4, and the appliance is of 7.9. (take one of 7.9)`],
    [{ path: text, sha256: sha256(text) }, `error: The ISO ${text} is no boot ISO of the el family: it has no /.treeinfo. (take a minimal, DVD or netinstall ISO of the release)`],
  ]
  for (const [iso, wanted] of refusals) {
    t.equal(formatError(await failureOf(stage(iso, 'bad'))), wanted)
    t.same(readdirSync(join(folder, 'bad')), [])
  }
})
