import t from 'tap'
import { standstillWatch } from '../../pipeline/stages/standstill.js'

const stall = (jiffies: number) => `[  ${jiffies}.1] rcu: rcu_preempt kthread timer wakeup didn't happen for ${jiffies} jiffies! g4905 f0x0 RCU_GP_WAIT_FQS(5) ->state=0x402\r`

t.test('a panic is the end at once, and its first reason stays', async t => {
  const reasonOf = standstillWatch()
  t.equal(reasonOf('EVC {"state":"booting"}'), undefined)
  t.equal(reasonOf('[  298.9] Kernel panic - not syncing: Attempted to kill init!\r'), "the guest's kernel panicked: Attempted to kill init!")
  t.equal(reasonOf('[  299.0] Kernel panic - not syncing: again'), "the guest's kernel panicked: Attempted to kill init!")
})

t.test('a processor without its timer is the end when it is said a second time', async t => {
  const reasonOf = standstillWatch()
  t.equal(reasonOf(stall(5251)), undefined, 'a busy host: the guest may go on')
  t.equal(reasonOf('[   30.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:'), undefined)
  t.equal(reasonOf(stall(21003)), "the guest's kernel stands still: rcu_preempt kthread timer wakeup didn't happen for 21003 jiffies")
})
