/** What does not fit on its medium is refused with its size and the next medium that is large enough. */
import t from 'tap'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { requireFit, requireRoom, requireRoomFor } from '../../pipeline/stages/iso-fit.js'
import { failureOf } from '../fixtures/failure.js'

const mib = 2 ** 20

t.test('what is known before is compared with the medium, and the next usual one is named', async t => {
  const refused = async (least: number, limit: number) => formatError(await failureOf(Promise.resolve().then(() => requireRoom(least * mib, limit))))
  const table: Readonly<Record<number, string>> = {
    300: 'the next usual medium is a CD: --fit 700',
    701: 'the next usual medium is a DVD: --fit 4482',
    4483: 'the next usual medium is a DVD of two layers: --fit 8147',
    9000: 'the next usual medium is a stick of 16 GB: --fit 15258',
    70000: 'no usual medium is that large',
  }
  for (const [least, hint] of Object.entries(table)) {
    t.equal(await refused(Number(least), 200), `error: The installer will have at least ${least} MiB, and the medium holds 200 MiB. (${hint})`)
  }
  t.doesNotThrow(() => requireRoom(700 * mib, 700))
  t.doesNotThrow(() => requireRoom(9000 * mib, undefined))
})

t.test('the ISO itself has the last word', async t => {
  const folder = t.testdir({ 'a.iso': 'x'.repeat(mib + 1) })
  t.equal(
    formatError(await failureOf(requireFit(join(folder, 'a.iso'), 1))),
    'error: The installer has 2 MiB, and the medium holds 1 MiB. (the next usual medium is a CD: --fit 700)'
  )
  await requireFit(join(folder, 'a.iso'), 2)
})

t.test('the boot ISO and all packages are counted together', async t => {
  const folder = t.testdir({ 'boot.iso': 'x'.repeat(mib), bundle: { packages: { 'a.rpm': 'y'.repeat(mib), 'b.rpm': 'z' } } })
  const both = [join(folder, 'boot.iso'), join(folder, 'bundle')]
  await requireRoomFor(both.slice(0, 1), 1)
  await requireRoomFor(both, 3)
  t.match(await failureOf(requireRoomFor(both, 2)), { code: 'iso-will-not-fit', message: 'The installer will have at least 3 MiB, and the medium holds 2 MiB.' })
})
