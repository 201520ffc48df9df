/** xva: blocks in order with their sums, the first and last always, and xva-img gets the disk back. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { xvaFile } from '../../pipeline/images/xva.js'
import { failureOnFullDisk, skipMount } from '../fixtures/images.js'
import { mib, passOver, realRun, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'
import type { PhonyDisk } from '../fixtures/phony-disk.js'

async function write(directory: string, disk: PhonyDisk): Promise<{ raw: string; xva: string; members: readonly string[] }> {
  const [raw, xva] = [writePhonyDisk(directory, disk), join(directory, 'disk.xva')]
  await passOver(raw, xvaFile({ path: xva, ovaXml: '<value/>', disk: 'Ref:002' }))
  const { stdout } = await realRun(['tar', '-tf', xva])
  return { raw, xva, members: stdout.trim().split('\n') }
}

t.test('begins with ova.xml, and leaves out blocks of zeros but the first and the last', async t => {
  const { members, xva } = await write(t.testdir({}), { sizeBytes: 8 * mib, noise: { [3 * mib + 5]: 10 } })
  t.strictSame(members, [
    'ova.xml',
    ...['00000000', '00000003', '00000007'].flatMap(name => [`Ref:002/${name}`, `Ref:002/${name}.checksum`]),
  ])
  t.equal((await realRun(['tar', '-xOf', xva, 'ova.xml'])).stdout, '<value/>')
  const sum = (await realRun(['tar', '-xOf', xva, 'Ref:002/00000007.checksum'])).stdout
  t.equal(sum, createHash('sha1').update(Buffer.alloc(mib)).digest('hex'))
})

t.test('a disk of holes only has its first and its last block', async t => {
  t.equal((await write(t.testdir({}), { sizeBytes: 3 * mib, noise: {} })).members.length, 1 + 2 * 2)
  t.equal((await write(t.testdir({}), { sizeBytes: mib, noise: {} })).members.length, 1 + 2)
})

t.test('the last block is as short as the disk ends', async t => {
  const { xva } = await write(t.testdir({}), { sizeBytes: mib + 1024, noise: { [mib]: 1024 } })
  const { stdout } = await realRun(['tar', '-tvf', xva, 'Ref:002/00000001'])
  t.match(stdout, / 1024 1970-01-01 /)
})

const { 'above 2 TiB': _, ...usual } = shapes

for (const [shape, disk] of Object.entries(usual)) {
  t.test(`xva-img gets back a disk ${shape}`, async t => {
    const directory = t.testdir({})
    const { raw, xva } = await write(directory, disk)
    mkdirSync(join(directory, 'tree'))
    await realRun(['tar', '-xf', xva, '-C', join(directory, 'tree')])
    const back = join(directory, 'back.raw')
    await realRun(['xva-img', '-p', 'disk-export', `${join(directory, 'tree')}/Ref:002/`, back])
    // xva-img writes whole blocks.
    t.ok(readFileSync(back).subarray(0, disk.sizeBytes).equals(readFileSync(raw)))
  })
}

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), path => xvaFile({ path, ovaXml: '<value/>', disk: 'Ref:002' })), 'ENOSPC')
})
