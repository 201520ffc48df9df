/** Golden disks that are not whole are told, with what is wrong with them. */
import t from 'tap'
import { openSync, truncateSync, writeFileSync, writeSync, closeSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { requireSound } from '../../pipeline/images/golden-check.js'
import { failureOf } from '../fixtures/failure.js'
import { mib, realRun } from '../fixtures/phony-disk.js'

const wantedBytes = 8 * mib
const hint = '(make it anew: pipeline clean --all, then build again)'

async function partitioned(directory: string): Promise<string> {
  const path = join(directory, 'golden.raw')
  writeFileSync(path, '')
  truncateSync(path, wantedBytes)
  await realRun(['sfdisk', '-q', path], { input: 'label: gpt\n,,L\n' })
  return path
}

function write(path: string, at: number, byte: number): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.from([byte]), 0, 1, at)
  closeSync(file)
}

const faults: Readonly<Record<string, (path: string) => void>> = {
  'has 0 bytes, wanted 8388608': path => truncateSync(path, 0),
  'has 8388607 bytes, wanted 8388608': path => truncateSync(path, wantedBytes - 1),
  'has a damaged partition table (the checksum of its GPT header is wrong)': path => write(path, 512 + 72, 99),
  'has a damaged copy of its partition table at its end': path => {
    truncateSync(path, wantedBytes - 512)
    truncateSync(path, wantedBytes)
  },
}

for (const [fault, make] of Object.entries(faults)) {
  t.test(`a golden disk that ${fault}`, async t => {
    const path = await partitioned(t.testdir({}))
    await requireSound({ path, format: 'raw', wantedBytes })
    make(path)
    const error = await failureOf(requireSound({ path, format: 'raw', wantedBytes }))
    t.equal(formatError(error), `error: The golden disk ${path} ${fault}. ${hint}`)
    t.equal(error.exitCode, 4)
  })
}

t.test('a partition table for another size, and another format', async t => {
  const path = await partitioned(t.testdir({}))
  truncateSync(path, wantedBytes + mib)
  const error = await failureOf(requireSound({ path, format: 'raw', wantedBytes: wantedBytes + mib }))
  t.equal(error.message, `The golden disk ${path} has a partition table for a disk of another size (its copy is at sector 16383, the last one is 18431).`)
  t.equal((await failureOf(requireSound({ path, format: 'qcow2', wantedBytes }))).message, `The golden disk ${path} is qcow2, wanted raw.`)
})
