/** tar-members: what is listed of archives, ours and others', whole and spoiled. */
import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tarHeader, tarPadding, tarTrailer } from '../../pipeline/images/ustar.js'
import { listTar, tarBlockBytes, tarChecksum } from '../../pipeline/tools/tar-members.js'
import { realRun } from '../fixtures/phony-disk.js'

function archive(): Buffer {
  const text = Buffer.from('#!/bin/sh\n')
  return Buffer.concat([tarHeader('a', text.length), text, tarPadding(text.length), tarHeader('empty', 0), tarTrailer])
}

async function listed(bytes: Buffer) {
  const path = join(t.testdir({}), 'a.tar')
  writeFileSync(path, bytes)
  return await listTar(path)
}

const names = ({ members }: Awaited<ReturnType<typeof listed>>) => members.map(({ name }) => name)

t.test('lists an archive of ours: names, places, sizes', async t => {
  const { members, problems } = await listed(archive())
  t.same(problems, [])
  t.match(members, [{ name: 'a', startBytes: tarBlockBytes, bytes: 10, type: '0', isUstar: true }, { name: 'empty', startBytes: 3 * tarBlockBytes, bytes: 0 }])
})

t.test('lists what GNU tar made, which is no ustar', async t => {
  const directory = t.testdir({ one: '1', two: '22' })
  await realRun(['tar', '--format=gnu', '-cf', join(directory, 'a.tar'), '-C', directory, 'one', 'two'])
  const { members, problems } = await listTar(join(directory, 'a.tar'))
  t.same(problems, [])
  t.match(members, [{ name: 'one', bytes: 1, isUstar: false }, { name: 'two', bytes: 2, isUstar: false }])
})

t.test('tells what is wrong, and lists what stands before it', async t => {
  const cut = await listed(archive().subarray(0, 2 * tarBlockBytes - 100))
  t.same([names(cut), cut.problems], [['a'], ['is cut off in a']])
  const endless = await listed(archive().subarray(0, 3 * tarBlockBytes))
  t.same([names(endless), endless.problems], [['a', 'empty'], ['has no end of archive']])
  const damaged = archive()
  damaged.write('x', 2 * tarBlockBytes)
  t.same((await listed(damaged)).problems, [`has a damaged tar header at byte ${2 * tarBlockBytes}`])
})

t.test('a size in another notation ends the list', async t => {
  const bytes = archive()
  const header = bytes.subarray(2 * tarBlockBytes, 3 * tarBlockBytes)
  header.fill(0xff, 124, 136)
  header.write(tarChecksum(header).toString(8).padStart(6, '0'), 148, 'latin1')
  const found = await listed(bytes)
  t.same([names(found), found.problems], [['a'], [`has a tar header without a size at byte ${2 * tarBlockBytes}`]])
})

t.test('of what is no tar, nothing', async t => {
  t.same((await listed(Buffer.from('QFI\xfb'.repeat(1000), 'latin1'))).members, [])
  t.same((await listed(Buffer.alloc(0))).members, [])
})
