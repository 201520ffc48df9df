/** report.sh of the first boot: the consoles that state lines go to. */
import t from 'tap'
import type { Test } from 'tap'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { guestFolder } from '../fixtures/guest-folder.js'

const library = fileURLToPath(new URL('../../kickstarts/shared/first-boot/usr/lib/evc', import.meta.url))

/** @param active what the kernel says, @param devices below /sys/class/tty */
function consoles(t: Pick<Test, 'testdir'>, active: string, devices: readonly string[] = []): string[] {
  const entries = Object.fromEntries(devices.map(name => [name, {}]))
  const sys = t.testdir({ class: { tty: { console: { active }, ...entries } } })
  const text = execFileSync('sh', ['-c', '. "$0/report.sh"; consoles', library], { encoding: 'utf8', env: { EVC_SYS: sys, PATH: process.env['PATH'] } })
  return text.trim().split('\n')
}

t.test('state lines go to the screen in front of people and to the serial port, each once', async t => {
  t.same(consoles(t, 'tty0 ttyS0\n'), ['tty1', 'ttyS0'])
  t.same(consoles(t, 'tty0\n'), ['tty1', 'ttyS0'], 'also where the kernel was not told of the port')
})

t.test('they go to the console of Xen, whether the kernel writes to it (PV) or not (HVM)', async t => {
  t.same(consoles(t, 'tty0 hvc0\n', ['hvc0']), ['tty1', 'hvc0', 'ttyS0'])
  t.same(consoles(t, 'tty0 ttyS0\n', ['hvc0']), ['tty1', 'ttyS0', 'hvc0'])
})

/** What is asked of systemd where agetty knows no --reload, by the program that has the screen. */
function asked(t: Pick<Test, 'testdir'>, program: string, agetty: string): string[] {
  const guest = guestFolder(t.testdir({ [program]: {} }))
  guest.stub('agetty', agetty)
  guest.stub('systemctl', 'echo MainPID=7')
  guest.write('proc/7/comm', `${program}\n`)
  guest.sh('. "$EVC_LIB/common.sh"; . "$EVC_LIB/report.sh"; write_issue ready')
  return guest.calls().filter(line => line.startsWith('systemctl'))
}

t.test('the end of the set-up comes on the screen where agetty knows no --reload, too (CentOS 7), and disturbs nobody', async t => {
  const unknown = `echo "unrecognized option '--reload'" >&2; exit 1`
  const show = 'systemctl show --property=MainPID getty@tty1'
  t.same(asked(t, 'agetty', unknown), [show, 'systemctl --no-block try-restart getty@tty1'])
  t.same(asked(t, 'login', unknown), [show], 'somebody logs in there, or has')
  t.same(asked(t, 'agetty', ':'), [], 'util-linux of today')
})
