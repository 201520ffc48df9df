/** Target hyperv: the common contract, its script and page word for word, the fixed VHD, and the faults its own checks find. */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import hyperv from '../../pipeline/targets/hyperv.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { powerShellCommands } from '../fixtures/power-shell.js'
import { exportTarget, foundBy, options, realDeps, signal, sourceDateEpoch, spec, testOddTitle, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

await testTarget(hyperv)
await testSpoiledFiles(hyperv)
await testOddTitle(hyperv)

const disk = `ciab-${version}.vhdx`
const again = '(Export it again: pipeline build --target hyperv)'

t.test('writes script and page word for word', async t => {
  const directory = t.testdir({})
  await exportTarget(hyperv, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  for (const name of ['import.ps1', 'README.txt']) matchGolden(t, `hyperv/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('without nesting the script does not ask for it, and no title breaks it', async t => {
  const directory = t.testdir({})
  const odd = { ...spec, title: 'A "box", <it\'s> & $(date) \u2019', nestedVirt: 'off', hardware: { ...spec.hardware, memoryMib: 4097 } } as const
  await exportTarget(hyperv, { spec: odd, goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  t.match(readFileSync(join(directory, 'import.ps1'), 'utf8'), '$Nested = $false')
  t.match(readFileSync(join(directory, 'import.ps1'), 'utf8'), '[int]$MemoryMiB = 4098,', 'an odd size is rounded up')
  await hyperv.verify({ spec: odd, version, sourceDateEpoch, options, directory, signal }, realDeps)
})

t.test('a host that cannot nest starts the machine without it (read, not run: there is no PowerShell here)', async t => {
  const directory = t.testdir({})
  await exportTarget(hyperv, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const text = readFileSync(join(directory, 'import.ps1'), 'utf8').replaceAll('\r', '')
  const commands = powerShellCommands(text)
  const within = (name: string) => commands.filter(command => command.within.includes(name)).map(({ text, within }) => `${within[0]}: ${text.split(' "')[0]}`)
  t.strictSame(within('Start-Machine'), [
    'try: Start-VM -VM $Machine', 'catch: Get-VMProcessor -VM $Machine', 'catch: Set-VMProcessor -VM $Machine -ExposeVirtualizationExtensions $false',
    'catch: Start-VM -VM $Machine', 'catch: Write-Warning',
  ])
  t.strictSame(commands.filter(({ text }) => text === 'Start-Machine').map(({ within }) => within), [['try']], 'a start that fails again takes the machine back')
  t.match(text, /'AuthenticAMD'\)\) \{\n {8}Write-Warning '[^']+'\n {8}return\n {4}\}\n {4}try \{ Set-VMProcessor /, 'an older Windows on AMD is not asked at all')
  t.match(text, /\n\$Nested = \$true\nif \(\$NoNesting\) \{ \$Nested = \$false \}\n/)
  t.match(text, /\n\$MemoryMiB \+= \$MemoryMiB % 2\n[^]*New-VM [^\n]*\$MemoryMiB \* 1048576/)
})

t.test('a fixed VHD comes where it was asked for, and is checked', async t => {
  const directory = t.testdir({})
  const goldenDisk = writeGoldenDisk(t.testdir({}))
  const withVhd = { ...options, hypervVhd: true }
  await exportTarget(hyperv, { goldenDisk, directory, options: withVhd })
  t.ok(readdirSync(directory).includes(`ciab-${version}.vhd`))
  t.match(readFileSync(join(directory, 'README.txt'), 'utf8'), `ciab-${version}.vhd\n`)
  const input = { spec, version, sourceDateEpoch, options: withVhd, directory, signal, goldenDisk }
  const passed = await hyperv.verify(input, realDeps)
  t.match(foundBy(passed, 'vhd by libvhdi'), 'vhdiinfo: Fixed, 1 GiB')
  t.match(foundBy(passed, 'vhdx by libvhdi'), 'vhdiinfo: Dynamic, 1 GiB')
  const unshown = (of: typeof options) => hyperv.unshown?.({ spec, version, options: of, usedBytes: 0 }).map(({ name }) => name)
  t.strictSame([unshown(withVhd), unshown(options)], [['fixed VHD'], []], 'and reported as not booted')
})

t.test('names each fault of disk and script', async t => {
  const directory = t.testdir({})
  await exportTarget(hyperv, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const input = { spec: { ...spec, hardware: { ...spec.hardware, diskGib: 2 } }, version, sourceDateEpoch, options, directory, signal }
  writeFileSync(join(directory, 'import.ps1'), 'echo\n')
  const error = await failureOf(hyperv.verify(input, realDeps))
  t.strictSame(error.details, [
    `hyperv/${disk} shows vhdiinfo 1073741824 bytes, wanted 2147483648. ${again}`,
    `hyperv/import.ps1 has no byte order mark: Windows PowerShell 5 would misread it. ${again}`,
    `hyperv/import.ps1 has line ends that are not those of Windows. ${again}`,
    ...['[int]$MemoryMiB = 4096,', '[int]$Processors = 2,', '$Nested = $true', 'Set-VMProcessor -VM $Machine -ExposeVirtualizationExtensions $true']
      .map(wanted => `hyperv/import.ps1 does not say ${wanted}. ${again}`),
  ])
})
