/** Trees, tars and ext4 images: equal content gives equal bytes, read back by the real tools. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { packExt4, packTar, treeDigest, writeTree } from '../../pipeline/stages/file-tree.js'
import { childPath } from '../../pipeline/tools/child-env.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { findTool } from '../../pipeline/tools/need.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'

const run = createRun({ signal: new AbortController().signal, parentEnv: process.env })
const file = (path: string, text: string | Buffer, mode = 0o644) => ({ path, mode, content: Buffer.from(text) })
const files = [
  file('install.sh', '#!/bin/sh\n', 0o755),
  file('files/b/with "quotes" and space', 'quoted'),
  file('files/a', Buffer.alloc(300_000, 'a')),
  file('files/b/deep/er', 'deep'),
]
const noExt4 = (await findTool('mke2fs', childPath(process.env))) ? false : 'e2fsprogs is not installed here'

const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

t.test('writes files with their modes, whatever the umask', async t => {
  const directory = t.testdir({})
  const umask = process.umask(0o077)
  t.teardown(() => void process.umask(umask))
  await writeTree(directory, files)
  t.equal(readFileSync(join(directory, 'files/b/deep/er'), 'utf8'), 'deep')
  t.same(files.map(({ path }) => statSync(join(directory, path)).mode & 0o777), [0o755, 0o644, 0o644, 0o644])
})

t.test('names each file of a key by mode and content', async t => {
  t.same(treeDigest([file('a', 'abc', 0o755)]), { a: '755 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' })
  t.not(treeDigest([file('a', 'abc')])['a'], treeDigest([file('a', 'abc', 0o755)])['a'])
})

/** The same files twice, made in another order and at another time. */
async function twoTrees(t: { testdir(content: Record<string, Record<string, never>>): string }): Promise<string> {
  const base = t.testdir({ one: {}, two: {} })
  await writeTree(join(base, 'one'), files)
  await writeTree(join(base, 'two'), [...files].reverse())
  for (const { path } of files) utimesSync(join(base, 'two', path), 1000, 2000)
  return base
}

t.test('packs equal trees as equal tars', async t => {
  const base = await twoTrees(t)
  for (const name of ['one', 'two']) await run(packTar(join(base, name), join(base, `${name}.tar`), 1763200000))
  t.equal(digest(join(base, 'one.tar')), digest(join(base, 'two.tar')))
  const { stdout } = await run(['tar', '--list', '--verbose', '--numeric-owner', '--file', join(base, 'one.tar')], { env: { TZ: 'UTC' } })
  const lines = stdout.trim().split('\n')
  t.ok(lines.every(line => / 0\/0 .* 2025-11-15 09:46 /.test(line)), stdout)
  t.equal(lines.length, 8)
})

t.test('packs equal trees as equal ext4 images that e2fsprogs finds sound and reads', { skip: noExt4 }, async t => {
  const base = await twoTrees(t)
  const image = (name: string) => join(base, `${name}.img`)
  for (const name of ['one', 'two']) {
    await packExt4({ directory: join(base, name), files: name === 'one' ? files : [...files].reverse(), image: image(name) }, run)
    // The clock must not be in it.
    await new Promise(resolve => setTimeout(resolve, 1100))
  }
  t.equal(digest(image('one')), digest(image('two')))
  await run(['e2fsck', '-f', '-n', image('one')])
  const out = join(base, 'out')
  mkdirSync(out)
  await run(['debugfs', '-R', `rdump / ${out}`, image('one')])
  for (const { path, mode, content } of files) {
    t.ok(readFileSync(join(out, path)).equals(content), path)
    t.equal(statSync(join(out, path)).mode & 0o777, mode, path)
  }
  const { stdout } = await run(['dumpe2fs', '-h', image('one')])
  t.match(stdout, /Filesystem volume name: +kickstart\n/)
})

t.test('makes room for many small files', { skip: noExt4 }, async t => {
  const base = t.testdir({ tree: {} })
  const many = Array.from({ length: 1500 }, (_, at) => file(`files/${at}`, 'x'))
  await writeTree(join(base, 'tree'), many)
  await packExt4({ directory: join(base, 'tree'), files: many, image: join(base, 'image') }, run)
  const { stdout } = await run(['debugfs', '-R', 'cat /files/1499', join(base, 'image')])
  t.equal(stdout, 'x')
})

t.test('another content gives another image', { skip: noExt4 }, async t => {
  const base = t.testdir({ tree: {} })
  const digests = []
  for (const text of ['a', 'b']) {
    const tree = [file('install.sh', text)]
    await writeTree(join(base, 'tree'), tree)
    await packExt4({ directory: join(base, 'tree'), files: tree, image: join(base, 'image') }, run)
    digests.push(digest(join(base, 'image')))
  }
  t.not(digests[0], digests[1])
})

t.test('a file that debugfs cannot put in is an error, though debugfs ends with 0', { skip: noExt4 }, async t => {
  const base = t.testdir({ tree: {} })
  const failure = await failureOf(packExt4({ directory: join(base, 'tree'), files: [file('gone', '')], image: join(base, 'image') }, run))
  t.match(formatError(failure), /^error: debugfs could not fill the kickstart disk: .*No such file or directory.*\. \(see install\/ of the appliance: /)
  t.equal(failure.exitCode, 4)
  const quiet = fakeRun([{ on: /^mke2fs/ }, { on: /^debugfs/, stderr: 'debugfs 1.47.0 (5-Feb-2023)\n' }])
  await packExt4({ directory: base, files: [], image: join(base, 'image') }, quiet.run)
})
