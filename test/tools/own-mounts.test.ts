import t from 'tap'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mayMount, ownMounts } from '../../pipeline/tools/own-mounts.js'

t.test('tells from the effective capabilities whether a process may mount', async t => {
  t.equal(mayMount('Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n'), true)
  t.equal(mayMount('Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t00000000a80425fb\n'), false)
  t.equal(mayMount(''), false)
})

t.test('what is mounted behind it is not seen outside, while it lives', { skip: !mayMount(readFileSync('/proc/self/status', 'utf8')) && 'this user may not mount' }, async t => {
  const folder = t.testdir({ place: {} })
  const place = join(folder, 'place')
  const [program = '', ...args] = await ownMounts()
  const script = `mount -t tmpfs own "$1" && cat /proc/mounts && cat /proc/${process.pid}/mounts >"$2"`
  const inside = execFileSync(program, [...args, 'sh', '-c', script, 'sh', place, join(folder, 'outside')], { encoding: 'utf8' })
  t.match(inside, `own ${place} tmpfs`)
  t.notMatch(readFileSync(join(folder, 'outside'), 'utf8'), place)
})
