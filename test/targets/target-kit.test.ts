/** What the start and import scripts share, on the tools of a Mac, of busybox and of a machine behind a proxy. */
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { powerShellCommands } from '../fixtures/power-shell.js'
import { realDeps, templates } from '../fixtures/target-contract.js'

const part = (name: string) => readFileSync(join(templates, 'kit', name), 'utf8')

/** Runs lines behind the parts that they use. */
async function inShell(lines: string, options: { parts: readonly string[]; shell?: string; env?: Readonly<Record<string, string>>; change?: (text: string) => string }) {
  const text = [...options.parts.map(part), lines].join('\n')
  const shell = (options.shell ?? 'dash').split(' ')
  const { PATH = '' } = process.env
  return await realDeps.run(['env', ...shell, '-c', (options.change ?? (each => each))(text)], { env: { PATH, ...options.env }, okCodes: [0, 1, 2, 3, 4] })
}

t.test('a state line is read by sed as POSIX has it, and by that of busybox', async t => {
  const line = '{"state":"failed","step":"cloud","reason":"a \\"b\\" in C:\\\\d, then {e}","address":"192.168.42.7"}'
  const wanted: Readonly<Record<string, string>> = { state: 'failed', step: 'cloud', reason: 'a "b" in C:\\d, then {e}', address: '192.168.42.7', missing: '' }
  for (const sed of ['exec env POSIXLY_CORRECT=1 /bin/sed --posix "$@"', 'exec busybox sed "$@"']) {
    const bin = t.testdir({})
    writeFileSync(join(bin, 'sed'), `#!/bin/sh\n${sed}\n`, { mode: 0o755 })
    for (const [name, value] of Object.entries(wanted)) {
      const { stdout } = await inShell(`printf '%s\\n' '${line}' | field ${name}`, { parts: ['states.sh'], env: { PATH: `${bin}:${process.env['PATH'] ?? ''}` } })
      t.equal(stdout, value && `${value}\n`, `${name} by ${sed}`)
    }
  }
})

/** What only GNU's tools have, or what has another meaning elsewhere. */
const gnuOnly: Readonly<Record<string, RegExp>> = {
  'sed s/a\\|b//': /\\[|+?]/,
  'sed -i s/a//': /\bsed\b[^|;]* -i/,
  'sed -r s/a//': /\bsed\b[^|;]* -[a-z]*r/,
  'grep -P a': /\bgrep\b[^|;]* -[a-zA-Z]*P/,
  'date -d yesterday': /\bdate (?!\+%s\b)/,
  'x=$(mktemp)': /\bmktemp\b(?! .*XXXXXX)/,
  'readlink -f x': /\breadlink -f/,
  'realpath x': /\brealpath\b/,
  'printf %q x': /%q/,
  'timeout 5 x': /(?:^|[\s;|&(])timeout /,
  'sort -V': /\bsort\b[^|;]* -[a-z]*V/,
  'xargs -r x': /\bxargs\b[^|;]* -[a-z]*r/,
  'head -n -1': /\bhead -n -/,
  'echo -e x': /\becho -[en]/,
  'wget -T 5': /\bwget\b.* -T/,
}
/** The appliance on KVM and Xen is started on Linux alone. */
const linuxOnly: Readonly<Record<string, RegExp>> = { 'stat -c %s x': /\bstat -c/, 'truncate -s 0 x': /\btruncate\b/, 'setsid x': /\bsetsid\b/, 'flock x': /\bflock\b/, 'df -Pm': /\bdf -\w*m/ }

const commandsOf = (text: string) => text.split('\n').map((line, index) => `${index + 1}: ${line.replace(/(^|\s)# .*/, '')}`)
const faultsOf = (text: string, faults: Readonly<Record<string, RegExp>>) => commandsOf(text).filter(line => Object.values(faults).some(fault => fault.test(line)))

t.test('no script that a person runs needs what only GNU has, and on a Mac nothing of Linux', async t => {
  for (const example of Object.keys({ ...gnuOnly, ...linuxOnly })) t.equal(faultsOf(example, { ...gnuOnly, ...linuxOnly }).length, 1, `${example} is found`)
  const targets = ['kit', 'kvm', 'vmware', 'virtualbox', 'ova', 'parallels', 'vagrant', 'xen', 'xva']
  const scripts = readdirSync(templates, { recursive: true, encoding: 'utf8' })
    .filter(path => targets.includes(path.split('/')[0] ?? '') && (/\.sh(\.hbs)?$/.test(path) || path === 'kvm/status'))
  t.ok(scripts.length > 20 && scripts.includes('kit/states.sh') && scripts.includes('vmware/start.sh.hbs'))
  for (const path of scripts) {
    const onLinux = /^(kvm|xen|xva)\//.test(path)
    t.same(faultsOf(readFileSync(join(templates, path), 'utf8'), onLinux ? gnuOnly : { ...gnuOnly, ...linuxOnly }), [], path)
  }
})

t.test('a port in use is passed over, also where the kernel has no IPv6', async t => {
  const net = t.testdir({})
  const head = '  sl  local_address rem_address   st\n'
  const listens = (port: number, state = '0A') => `   0: 0100007F:${port.toString(16).toUpperCase()} 00000000:0000 ${state}\n`
  const free = async () => {
    const change = (text: string) => text.replaceAll('/proc/net', net)
    return (await inShell('forwarded=ssh:8083,; free_port 8080', { parts: ['ports.sh'], change })).stdout
  }
  writeFileSync(join(net, 'tcp'), head + listens(8080) + listens(8081, '01'))
  t.equal(await free(), '8081\n', 'a connection is no listener')
  writeFileSync(join(net, 'tcp'), head + listens(8080) + listens(8081))
  t.equal(await free(), '8082\n')
  writeFileSync(join(net, 'tcp6'), head + listens(8082))
  t.equal(await free(), '8084\n', 'nor is one taken that was given away')
})

/** A page that is ready, and a proxy that nobody runs. */
async function readyPage(test: Pick<typeof t, 'teardown'>) {
  const server = createServer((request, response) => response.end(request.url === '/state.json' ? '{"state":"ready"}' : ''))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  test.teardown(() => server.close())
  const proxy = 'http://127.0.0.1:9'
  return { page: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, env: { http_proxy: proxy, HTTP_PROXY: proxy, all_proxy: proxy, no_proxy: '', NO_PROXY: '' } }
}

t.test('behind a proxy the page of a machine on this one is asked directly, by curl and by every wget', async t => {
  const { page, env } = await readyPage(t)
  const programs = ['sed', 'date', 'sleep', 'env', 'printf', 'tr']
  const clients: Readonly<Record<string, string>> = { curl: 'curl', wget: 'wget', busybox: 'wget' }
  for (const [client, name] of Object.entries(clients)) {
    const bin = join(t.testdir({}), client)
    mkdirSync(bin)
    for (const [link, program] of [...programs.map(each => [each, each] as const), [name, client] as const]) {
      const { stdout } = await realDeps.run(['sh', '-c', `command -v ${program}`])
      symlinkSync(stdout.trim().startsWith('/') ? stdout.trim() : join('/usr/bin', program), join(bin, link))
    }
    const { exitCode, stderr } = await inShell(`wait_ready ${page} 10`, { parts: ['words.sh', 'states.sh', 'ready.sh'], shell: '/bin/sh', env: { ...env, PATH: bin } })
    t.equal(exitCode, 0, `${client}: ${stderr}`)
    t.match(stderr, ': It is ready.', client)
  }
})

for (const shell of ['dash', 'bash --posix', 'busybox sh']) {
  t.test(`what takes too long is ended, its answer and its failure are those of the program, under ${shell}`, async t => {
    const run = async (lines: string) => await inShell(lines, { parts: ['words.sh', 'ready.sh'], shell })
    t.equal((await run('in_time 60 echo done')).stdout, 'done\n')
    t.equal((await run("in_time 60 sh -c 'echo half; exit 3'")).exitCode, 3)
    const marker = `${t.testdir({})}/pid`
    const { stdout } = await run(`x=$(in_time 1 sh -c 'echo $$ >${marker}; exec sleep 3600') || echo "ended [$x]"`)
    t.equal(stdout, 'ended []\n')
    t.notOk(existsSync(`/proc/${readFileSync(marker, 'utf8').trim()}`))
  })
}

const windows = ['vmware/start', 'virtualbox/import', 'hyperv/import']

t.test('Windows: the page is asked past any proxy, by PowerShell 5 and 7', async t => {
  const commands = powerShellCommands(part('ready.ps1'))
  const asked = commands.filter(({ text }) => text.startsWith('Invoke-WebRequest'))
  t.same(asked.map(({ text, within }) => [/ @Without\b/.test(text), within]), [[true, ['Get-Directly']]])
  t.match(part('ready.ps1'), /ContainsKey\('NoProxy'\)\) \{ \$Without\['NoProxy'\] = \$true \}\s+else \{ \[Net\.WebRequest\]::DefaultWebProxy = \$null \}/)
  for (const name of windows) {
    t.notMatch(readFileSync(join(templates, `${name}.ps1.hbs`), 'utf8'), 'Invoke-WebRequest', `${name} asks by no other way`)
  }
})

t.test('Windows: vmrun is told whether it is Workstation or Player that is here, and is ended at the limit', async t => {
  const text = readFileSync(join(templates, 'vmware/start.ps1.hbs'), 'utf8')
  const types = [...text.matchAll(/-T (\S+)/g)].map(([, type]) => type)
  t.ok(types.length >= 4)
  t.same(types.filter(type => type !== '$Type'), [])
  const calls = powerShellCommands(text).filter(({ text: call }) => call.includes('$VMRun') && call.startsWith('&'))
  t.notOk(calls.some(({ text: call }) => call.includes('getGuestIPAddress')), 'not where nothing ends it')
  t.match(text, /Wait-Address \{ Invoke-VMRunUntil \$End "getGuestIPAddress/)
})

t.test('Windows: one limit is for address and page together', async t => {
  for (const name of windows) {
    const text = readFileSync(join(templates, `${name}.ps1.hbs`), 'utf8')
    t.equal(text.match(/AddSeconds/g)?.length, 1, name)
    t.match(text, /Wait-Ready "\S+" \$WaitSeconds (\$End|\(\(Get-Date\))/, name)
  }
})

/** What changes this computer, and what only asks it. */
const makes = /^(Copy-Item|New-VM|Start-(VM|Machine)|Set-Machine|Invoke-VBox|&\s*\$VBox (?!list|--version))/

t.test('Windows: whatever makes a machine is taken back where it does not end well', async t => {
  for (const name of ['virtualbox/import', 'hyperv/import']) {
    const commands = powerShellCommands(readFileSync(join(templates, `${name}.ps1.hbs`), 'utf8'))
    const making = commands.filter(({ text, within }) => makes.test(text) && within.length <= 1 && !/^(Remove|Invoke|Set)-/.test(within[0] ?? ''))
    t.ok(making.length >= 3, name)
    t.same(making.filter(({ within }) => within[0] !== 'try').map(({ text }) => text), [], `${name}: nothing is made outside of it`)
    t.same(commands.filter(({ text }) => text === 'Remove-HalfMachine').map(({ within }) => within), [['finally']], name)
    t.same(commands.filter(({ text, within }) => within.includes('try') && /^(Stop-Script|exit)/.test(text)), [], `${name}: no exit from within`)
  }
})

t.test('finds in a script of PowerShell what stands where', async t => {
  const text = 'function Set-A { New-VM x }\ntry { Copy-Item a; if ($b) { & $VBox import c } }\ncatch { Write-Host d }\nfinally { Remove-Half }\n'
  t.same(powerShellCommands(text), [
    { text: 'New-VM x', within: ['Set-A'] }, { text: 'Copy-Item a', within: ['try'] }, { text: '& $VBox import c', within: ['try'] },
    { text: 'Write-Host d', within: ['catch'] }, { text: 'Remove-Half', within: ['finally'] },
  ])
})
