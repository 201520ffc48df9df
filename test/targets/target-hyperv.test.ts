/** Memory as Hyper-V takes it, in the script's default and in Vagrant's box. */
import t from 'tap'
import { askedBoxFiles, hypervMachine } from '../../pipeline/targets/target-box-descriptors.js'
import { hypervMemoryMib } from '../../pipeline/targets/target-hyperv.js'
import { boxWriters } from '../../pipeline/targets/target-vagrant.js'
import type { ExportInput } from '../../pipeline/targets/types.js'
import { options, realDeps, sourceDateEpoch, spec, version } from '../fixtures/target-contract.js'

const odd = { ...spec, hardware: { ...spec.hardware, memoryMib: 4097 } }

t.test('an odd size is rounded up, an even one stays', async t => {
  const sizes: Readonly<Record<number, number>> = { 1: 2, 4096: 4096, 4097: 4098 }
  for (const [asked, given] of Object.entries(sizes)) t.equal(hypervMemoryMib({ hardware: { ...spec.hardware, memoryMib: Number(asked) } }), given, asked)
})

t.test('each box asks for memory that its provider takes, and its files say so', async t => {
  const memory = { virtualbox: ['machine.memory', 4097], vmware_desktop: ['machine.vmx["memsize"]', '4100'], hyperv: ['machine.memory', 4098] } as const
  for (const provider of ['virtualbox', 'vmware_desktop', 'hyperv'] as const) {
    const [name, wanted] = memory[provider]
    t.equal(askedBoxFiles(provider, { spec: odd, version })['Vagrantfile']?.wanted[name], wanted, provider)
    const input = { spec: odd, version, sourceDateEpoch, options, directory: t.testdir({}) } as ExportInput
    // What it renders is held to what is asked before anything is written.
    await t.resolves(boxWriters[provider](input, realDeps), provider)
  }
  t.equal(askedBoxFiles('hyperv', { spec: odd, version })[hypervMachine]?.wanted['memory MiB'], 4098)
})
