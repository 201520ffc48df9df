/** The header is read as qemu-img wrote it, and everything that makes a file unportable is named. */
import t from 'tap'
import { parseQcow2Header, portabilityProblems, readQcow2Header } from '../../pipeline/tools/qcow2-header.js'
import type { Qcow2Header } from '../../pipeline/tools/qcow2-header.js'
import { realDeps } from '../fixtures/target-contract.js'

t.test('reads headers that qemu-img writes', async t => {
  const directory = t.testdir({})
  const header = async (options: string): Promise<Qcow2Header | undefined> => {
    const path = `${directory}/${options}.qcow2`
    await realDeps.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-o', options, '--', path, '64M'])
    return await readQcow2Header(path)
  }
  const plain = {
    version: 3,
    backingFile: false,
    clusterBytes: 65536,
    virtualBytes: 67108864,
    encrypted: false,
    snapshots: 0,
    incompatibleFeatures: 0n,
    compression: 'zlib',
  }
  t.same(await header('compat=1.1'), plain)
  t.same(await header('compat=0.10'), { ...plain, version: 2 })
  t.same(await header('cluster_size=2M'), { ...plain, clusterBytes: 2097152 })
  t.same(await header('compression_type=zstd'), { ...plain, compression: 'zstd', incompatibleFeatures: 8n })
  t.same(await header('extended_l2=on'), { ...plain, incompatibleFeatures: 16n })
})

t.test('what is no qcow2 has no header', async t => {
  const directory = t.testdir({
    empty: '',
    text: 'x'.repeat(200),
    short: Buffer.from('514649fb00000003', 'hex'),
  })
  for (const name of ['empty', 'text', 'short'])
    t.equal(await readQcow2Header(`${directory}/${name}`), undefined, name)
  const future = Buffer.alloc(112)
  future.writeUInt32BE(0x514649fb, 0)
  future.writeUInt32BE(4, 4)
  t.equal(parseQcow2Header(future), undefined, 'version 4')
})

t.test('names every reason not to hand a file out', async t => {
  const wanted = { virtualBytes: 1024, clusterBytes: 65536 }
  const sound = {
    version: 3,
    backingFile: false,
    ...wanted,
    encrypted: false,
    snapshots: 0,
    incompatibleFeatures: 0n,
    compression: 'zlib',
  } as const
  t.same(portabilityProblems(sound, wanted), [])
  t.same(
    portabilityProblems(
      { ...sound, incompatibleFeatures: 1n, encrypted: true, snapshots: 2, backingFile: true },
      wanted
    ),
    [
      'was left dirty or needs features that old QEMUs lack (bits 1)',
      'depends on a backing file',
      'is encrypted',
      'holds snapshots: 2',
    ]
  )
})
