/** Versions as programs of several makers print them. */
import t from 'tap'
import { askVersions, firstVersion } from '../../pipeline/tools/versions.js'
import { toolMissing } from '../../pipeline/errors/tools.js'
import { fakeRun } from '../fixtures/fake-run.js'

const table: Readonly<Record<string, string>> = {
  'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright (c) 2003-2022': '1:7.2+dfsg-7+deb12u18',
  'qemu-img version 10.0.2 (Debian 1:10.0.2+ds-2+deb13u1)': '1:10.0.2+ds-2+deb13u1',
  'QEMU emulator version 9.1.0': '9.1.0',
  'Packer v1.6.6\n\nYour version of Packer is out of date! The latest version\nis 1.11.2.': '1.6.6',
  'mmdebstrap 1.3.5': '1.3.5',
  'tar2sqfs (squashfs-tools-ng) 1.2.0\nCopyright (c) 2019': '1.2.0',
  '\nmke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0': '1.47.0',
  'mke2fs 1.47.2-rc1, built': '1.47.2-rc1',
  'tool (version 2.1)': '2.1',
  'no number': 'unknown',
  '': 'unknown',
}

for (const [text, version] of Object.entries(table)) {
  t.test(`${version} from ${JSON.stringify(text.split('\n')[0])}`, async t => t.equal(firstVersion(text), version))
}

const answers = [
  { on: 'packer version', stdout: 'Packer v1.6.6\n' },
  { on: 'qemu-system-x86_64 --version', stdout: 'QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)\n' },
  { on: 'qemu-img --version', stdout: 'qemu-img version 7.2.22 (Debian 1:7.2+dfsg-7)\n' },
  { on: 'mmdebstrap --version', stdout: 'mmdebstrap 1.3.5\n' },
  { on: 'tar2sqfs --version', stdout: 'tar2sqfs (squashfs-tools-ng) 1.2.0\n' },
  { on: 'mke2fs -V', stderr: 'mke2fs 1.47.0 (5-Feb-2023)\n' },
  { on: 'zstd --version', stdout: '*** Zstandard CLI (64-bit) v1.5.7, by Yann Collet ***\n' },
]

t.test('asks every tool, on either stream, and Packer without a call to its maker', async t => {
  const { run, calls } = fakeRun(answers)
  t.same(await askVersions(run), {
    packer: '1.6.6',
    qemu: '1:7.2+dfsg-7',
    'qemu-img': '1:7.2+dfsg-7',
    mmdebstrap: '1.3.5',
    tar2sqfs: '1.2.0',
    e2fsprogs: '1.47.0',
    zstd: '1.5.7',
  })
  t.same(calls.find(({ line }) => line === 'packer version')?.options.env, { CHECKPOINT_DISABLE: '1' })
})

t.test('a tool that is not there ends the build', async t => {
  const error = toolMissing({ file: 'packer', reason: 'build an appliance', hint: 'apt-get install packer' })
  await t.rejects(askVersions(fakeRun([{ on: 'packer version', error }, ...answers]).run), error)
})
