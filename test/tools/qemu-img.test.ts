/** qemu-img's commands word for word, and its answers, read and refused. */
import t from 'tap'
import {
  checkCommand,
  compareCommand,
  convertCommand,
  infoCommand,
  overlayCommand,
  parseCheck,
  parseInfo,
} from '../../pipeline/tools/qemu-img.js'
import { formatCommand } from '../../pipeline/tools/command.js'
import { realDeps } from '../fixtures/target-contract.js'

const raw = { path: '/a/-disk.raw', format: 'raw' }
const qcow2 = { path: '/a/disk.qcow2', format: 'qcow2' }

t.test('commands are what one would type', async t => {
  const cases: Record<string, readonly string[]> = {
    'qemu-img convert -f raw -O qcow2 -t writeback -- /a/-disk.raw /a/disk.qcow2': convertCommand({
      from: raw,
      to: qcow2,
    }),
    'qemu-img convert -f raw -O qcow2 -t writeback -c -o compat=1.1,cluster_size=65536 -- /a/-disk.raw /a/disk.qcow2':
      convertCommand({
        from: raw,
        to: qcow2,
        compress: true,
        options: { compat: '1.1', cluster_size: 65536 },
      }),
    'qemu-img check --output=json -f qcow2 -- /a/disk.qcow2': checkCommand(qcow2),
    'qemu-img compare -f raw -F qcow2 -- /a/-disk.raw /a/disk.qcow2': compareCommand(raw, qcow2),
    'qemu-img info --output=json -f qcow2 -- /a/disk.qcow2': infoCommand(qcow2),
    'qemu-img create -q -f qcow2 -b /a/disk.qcow2 -F qcow2 -- /a/overlay.qcow2': overlayCommand({
      base: qcow2,
      path: '/a/overlay.qcow2',
    }),
  }
  for (const [line, [file = '', ...args]] of Object.entries(cases))
    t.equal(formatCommand([file, ...args]), line)
})

t.test('the real program understands them, and its answers are read', async t => {
  const directory = t.testdir({ 'base.raw': Buffer.alloc(1024 * 1024, 7) })
  const base = { path: `${directory}/base.raw`, format: 'raw' }
  const copy = { path: `${directory}/copy.qcow2`, format: 'qcow2' }
  const overlay = { path: `${directory}/overlay.qcow2`, format: 'qcow2' }
  const { run } = realDeps
  await run(convertCommand({ from: base, to: copy, compress: true }))
  await run(overlayCommand({ base: copy, path: overlay.path }))
  const info = parseInfo((await run(infoCommand(overlay))).stdout)
  t.match(info, { format: 'qcow2', virtualBytes: 1024 * 1024, backingFile: copy.path })
  t.equal(parseInfo((await run(infoCommand(copy))).stdout).backingFile, undefined)
  t.same(parseCheck((await run(checkCommand(copy))).stdout), {
    corruptions: 0,
    leaks: 0,
    checkErrors: 0,
    allocatedClusters: 16,
    compressedClusters: 16,
  })
  t.equal((await run(compareCommand(base, overlay))).exitCode, 0)
})

t.test('an answer of another form is an error', async t => {
  const hint = 'See `pipeline doctor` for the versions that are known to work.'
  t.throws(() => parseInfo('oops'), {
    message: 'Could not read the answer of "qemu-img": it is no JSON object.',
    hint,
    exitCode: 4,
  })
  t.throws(() => parseInfo('{"format": "raw"}'), {
    message: 'Could not read the answer of "qemu-img info": format, virtual-size or actual-size is missing.',
    hint,
    exitCode: 4,
  })
  t.throws(() => parseCheck('{}'), {
    message: 'Could not read the answer of "qemu-img check": check-errors is missing.',
    hint,
    exitCode: 4,
  })
  t.same(parseCheck('{"check-errors": 1, "corruptions": 2, "leaks": 3}'), {
    checkErrors: 1,
    corruptions: 2,
    leaks: 3,
    allocatedClusters: 0,
    compressedClusters: 0,
  })
})
