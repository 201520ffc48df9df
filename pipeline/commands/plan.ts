/** `pipeline plan`: what a build would do. */
import { formatCommands, formatPlan } from '../plan/format.js'
import { openHost } from '../run/host.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { BuildOptions } from './options.js'
import { placesOf } from './places.js'
import { openSession } from './session.js'

export async function runPlan(appliance: string, options: BuildOptions, io: CommandIo): Promise<void> {
  // Even the probe's VM has a guard.
  const host = openHost(io, placesOf(options).state)
  try {
    const { plan } = await openSession(appliance, options, { host, io, commands: true })
    if (options.json) printJson(io, plan)
    else printLine(io, `${formatPlan(plan)}\n\n${formatCommands(plan)}`)
  } finally {
    host.close()
  }
}
