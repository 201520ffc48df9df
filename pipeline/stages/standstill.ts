/** What a guest's kernel says on its console when it goes on no more, so that nobody waits for it until the time limit. */

const panicked = /\bKernel panic - not syncing: (.*?)\s*$/

/**
 * A processor whose timer is lost (seen in QEMU 10's emulation on several threads, on a host with more to do than it
 * has processors). Linux' text, kernel/rcu/tree_stall.h.
 */
const withoutTimer = /\b(rcu_\w+ kthread timer wakeup didn't happen for \d+ jiffies)/

/** The first line comes after 21 s, and a busy host's guest goes on from there; the next comes a minute later. */
const patience = 2

/** A function to call with each line of the console in turn; it tells why the guest goes on no more, from the line on that shows it. */
export function standstillWatch(): (line: string) => string | undefined {
  let found: string | undefined
  let stalls = 0
  return line => {
    const panic = panicked.exec(line)?.[1]
    if (panic !== undefined) found ??= `the guest's kernel panicked: ${panic}`
    const stall = withoutTimer.exec(line)?.[1]
    if (stall !== undefined && ++stalls === patience) found ??= `the guest's kernel stands still: ${stall}`
    return found
  }
}
