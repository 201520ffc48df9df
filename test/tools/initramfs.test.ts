/** initramfs: plain and compressed archives, one behind the other. */
import t from 'tap'
import { readFile, writeFile } from 'node:fs/promises'
import { readInitramfs } from '../../pipeline/tools/initramfs.js'
import { cpio, realRun } from '../fixtures/sealed-disk.js'

t.test('reads a plain archive, padding, and a compressed archive', async t => {
  const directory = t.testdir()
  await writeFile(`${directory}/c`, cpio({ 'lib/a.ko': 'AAA', init: '#!/bin/sh' }))
  await realRun(['zstd', '-q', `${directory}/c`])
  const content = Buffer.concat([cpio({ early: 'microcode' }), Buffer.alloc(1024), await readFile(`${directory}/c.zst`)])
  const initramfs = await readInitramfs(content, `${directory}/scratch`, realRun)
  t.strictSame(initramfs.names, ['early', 'lib/a.ko', 'init'])
  t.ok(initramfs.archives[1]?.includes('AAA'))
  t.equal(initramfs.read('lib/a.ko')?.toString(), 'AAA')
  t.equal(initramfs.read('lib/b.ko'), undefined)
})

t.test('reads plain archives alone without a program', async t => {
  const initramfs = await readInitramfs(Buffer.concat([cpio({ a: '1' }), cpio({ b: '2' })]), '/nowhere', async () => {
    throw new Error('no program is needed')
  })
  t.strictSame(initramfs.names, ['a', 'b'])
})

t.test('of two files of one name the later one counts, as for the kernel', async t => {
  const content = Buffer.concat([cpio({ a: 'old' }), cpio({ a: 'new' })])
  const initramfs = await readInitramfs(content, '/nowhere', async () => { throw new Error('no program is needed') })
  t.strictSame(initramfs.names, ['a'])
  t.equal(initramfs.read('a')?.toString(), 'new')
})
