/** ustar: archives that tar and bsdtar list alike, without owner or date. */
import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tarHeader, tarMemberLimitBytes, tarPadding, tarTrailer } from '../../pipeline/images/ustar.js'
import { realRun } from '../fixtures/phony-disk.js'

t.test('writes what tar and bsdtar read', async t => {
  const path = join(t.testdir({}), 'a.tar')
  const text = Buffer.from('#!/bin/sh\n')
  writeFileSync(path, Buffer.concat([tarHeader('Ref:1/a b', text.length, { mode: 0o755 }), text, tarPadding(text.length), tarHeader('empty', 0), tarTrailer]))
  const { stdout } = await realRun(['tar', '--utc', '--numeric-owner', '-tvf', path])
  t.equal(stdout, '-rwxr-xr-x 0/0              10 1970-01-01 00:00 Ref:1/a b\n-rw-r--r-- 0/0               0 1970-01-01 00:00 empty\n')
  t.equal((await realRun(['bsdtar', '-tf', path])).stdout, 'Ref:1/a b\nempty\n')
})

t.test('refuses what does not fit into a header', async t => {
  t.throws(() => tarHeader('a'.repeat(101), 1), RangeError)
  t.throws(() => tarHeader('a', tarMemberLimitBytes + 1), RangeError)
  t.ok(tarHeader('a', tarMemberLimitBytes))
})
