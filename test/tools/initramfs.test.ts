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
  await writeFile(`${directory}/initrd`, content)
  const initramfs = await readInitramfs(`${directory}/initrd`, `${directory}/scratch`, realRun)
  t.strictSame(initramfs.names, ['early', 'lib/a.ko', 'init'])
  const [early, late] = initramfs.archives
  t.equal(early?.path, `${directory}/initrd`)
  t.match((await readFile(late?.path ?? '')).subarray(late?.startBytes, (late?.startBytes ?? 0) + (late?.lengthBytes ?? 0)).toString('latin1'), 'AAA')
  t.equal((await initramfs.read('lib/a.ko'))?.toString(), 'AAA')
  t.equal((await initramfs.read('early'))?.toString(), 'microcode')
  t.equal(await initramfs.read('lib/b.ko'), undefined)
})

t.test('reads plain archives alone without a program', async t => {
  const initramfs = await readInitramfs(t.testdir({ initrd: Buffer.concat([cpio({ a: '1' }), cpio({ b: '2' })]) }) + '/initrd', '/nowhere', async () => {
    throw new Error('no program is needed')
  })
  t.strictSame(initramfs.names, ['a', 'b'])
})

t.test('of two files of one name the later one counts, as for the kernel', async t => {
  const directory = t.testdir({ initrd: Buffer.concat([cpio({ a: 'old' }), cpio({ a: 'new' })]) })
  const initramfs = await readInitramfs(`${directory}/initrd`, '/nowhere', async () => { throw new Error('no program is needed') })
  t.strictSame(initramfs.names, ['a'])
  t.equal((await initramfs.read('a'))?.toString(), 'new')
})
