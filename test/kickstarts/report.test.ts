/** report.sh of the first boot: the consoles that state lines go to. */
import t from 'tap'
import type { Test } from 'tap'
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

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
