/** A delta of each format that our own writers make: of a disk on which everything has moved, only what is new travels. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { frontedFile } from '../../pipeline/images/fronted.js'
import { hds } from '../../pipeline/images/hds.js'
import { qcow2 } from '../../pipeline/images/qcow2.js'
import { streamVmdk } from '../../pipeline/images/stream-vmdk.js'
import { tarDiskSink } from '../../pipeline/images/tar-disk.js'
import type { ImageWriter } from '../../pipeline/images/types.js'
import { vhdx } from '../../pipeline/images/vhdx.js'
import { xvaFile } from '../../pipeline/images/xva.js'
import { zipFronted } from '../../pipeline/images/zip-fronted.js'
import { zipVmdk } from '../../pipeline/images/zip-vmdk.js'
import { fetchWith, textBlocks } from '../fixtures/delta-fetch.js'
import { names, sourceDateEpoch } from '../fixtures/images.js'
import { passOver } from '../fixtures/phony-disk.js'

const files = [{ name: 'LIES MICH.txt', content: 'für alle\n' }]
const vmdk = { fileName: 'disk.vmdk', adapterType: 'lsilogic', hardwareVersion: 13, seed: 'a' } as const

function ova(path: string): ImageWriter {
  const sink = tarDiskSink({
    path, diskName: 'disk.vmdk', digest: 'sha256', sourceDateEpoch, front: async () => [], complete: async () => ({ front: [], behind: files }),
  })
  return streamVmdk({ sink, ...vmdk })
}

/** A box of libvirt's: the image, then packed. */
async function box(directory: string, path: string, raw: string): Promise<void> {
  await passOver(raw, qcow2(join(directory, 'box.img')))
  writeFileSync(join(directory, 'metadata.json'), '{}')
  execFileSync('tar', ['--format=ustar', '-C', directory, '-cf', path, 'metadata.json', 'box.img'])
}

const written = (make: (path: string) => ImageWriter) => async (_: string, path: string, raw: string) => passOver(raw, make(path))

/** Format -> how its file is made of a raw disk. */
const formats: Readonly<Record<string, (directory: string, path: string, raw: string) => Promise<void>>> = {
  'qcow2': written(qcow2),
  'OVA': written(ova),
  'zip of a VMDK': written(path => zipVmdk({ path, sourceDateEpoch, files, diskName: 'disk.vmdk', disk: names })),
  'zip of a VHDX': written(path => zipFronted({ path, sourceDateEpoch, files, diskName: 'disk.vhdx', format: vhdx('a') })),
  'zip of an HDS': written(path => zipFronted({ path, sourceDateEpoch, files, diskName: 'disk.hds', format: hds })),
  'VHDX': written(path => frontedFile(path, vhdx('a'))),
  'XVA': written(path => xvaFile({ path, ovaXml: '<value/>', disk: 'Ref:002' })),
  'box with a qcow2': box,
}

const mib = 1024 * 1024
const old = textBlocks(1200, 1)
const fresh = textBlocks(20, 2)
const pad = (blocks: readonly Buffer[]) => Buffer.concat([...blocks, Buffer.alloc(8 * mib - blocks.length * 4096)])

for (const [format, make] of Object.entries(formats)) {
  t.test(`${format}: what has moved is taken from the older copy`, async t => {
    const directory = t.testdir({ served: {}, out: {}, old: {}, new: {} })
    const place = async (folder: string, path: string, blocks: readonly Buffer[]) => {
      const raw = join(directory, folder, 'disk.raw')
      writeFileSync(raw, pad(blocks))
      await make(join(directory, folder), path, raw)
      return path
    }
    const older = await place('old', join(directory, 'old/file'), old)
    const served = await place('new', join(directory, 'served/file'), [...fresh, ...old])
    const { path, receivedBytes } = await fetchWith(directory, basename(served), [older])
    t.ok(readFileSync(path).equals(readFileSync(served)))
    const share = receivedBytes / statSync(served).size
    t.comment(`${Math.round(share * 1000) / 10} % of ${Math.round(statSync(served).size / 1024)} KiB`)
    t.ok(share < 0.1, `${receivedBytes} of ${statSync(served).size} bytes`)
  })
}
