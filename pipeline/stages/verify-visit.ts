/** A visit to a booted appliance, as its owner would make it: wait, read the credentials, log in, look around, power off. */
import { promiseBroken } from '../errors/verify.js'
import type { Spec } from '../spec/types.js'
import type { RunningVm } from '../tools/vm.js'
import { makeClientIdentity } from './cloud-client.js'
import type { ClientIdentity } from '../tools/pinned-https.js'
import { waitReady } from './evc-line.js'
import type { EvcState } from './evc-line.js'
import { leaveKey, readCredentials } from './guest-console.js'
import type { Credentials } from './guest-console.js'
import { makeVisitKey, openShell } from './guest-shell.js'
import type { GuestShell } from './guest-shell.js'
import { collectIdentity } from './verify-copies.js'
import type { Identity } from './verify-copies.js'
import { mannersOf } from './verify-manners.js'
import type { Entered } from './verify-manners.js'
import type { Found, Recorder } from './verify-record.js'
import type { VmContext } from './types.js'

export interface Visit {
  readonly vm: RunningVm
  readonly spec: Spec
  /** As in `BootPlan`. */
  readonly account?: string | undefined
  /** Virtual size of the artifact. */
  readonly imageBytes: number
  readonly directory: string
  readonly serialLog: string
  /** Also the checks that one boot is enough for. */
  readonly thorough: boolean
  readonly recorder: Recorder
  /** Secrets are added to it as they become known, for the recorder to mask. */
  readonly secrets: string[]
  readonly context: VmContext
}

/** Limits with KVM; emulation multiplies them. */
const limits = { consoleMs: 30_000, scriptMs: 60_000, requestMs: 60_000, powerOffMs: 60_000 } as const

/** Each step needs the ones before; what a failed one leaves undone is skipped. Undefined without an identity. */
export async function visit(visit: Visit): Promise<Identity | undefined> {
  const { recorder, vm } = visit
  const manners = mannersOf(visit.spec)
  const { everyBoot, oneBoot, ports } = manners
  const promises = Object.entries(visit.thorough ? { ...everyBoot, ...oneBoot } : everyBoot)
  const last = visit.thorough ? ['identity', 'powers off when asked to'] : ['identity']
  const names = ['ready', 'credentials on the serial console', 'SSH by key', manners.entering, ...promises.map(([name]) => name), ...last]
  const step = async <Value>(name: string, work: () => Promise<Found<Value>>): Promise<Value | undefined> => {
    const value = await recorder.check(name, work)
    if (value === undefined) recorder.skip(names.slice(names.indexOf(name) + 1), `"${name}" did not pass`)
    return value
  }
  const consoleLines: string[] = []
  let recording = true
  vm.serial.onLine(line => void (recording && consoleLines.push(line)))

  // Made before the wait: the guest's clock starts from whole seconds and may be behind ours, and the cloud refuses
  // a certificate from the future.
  const client = await makeClientIdentity(visit.directory, visit.context.run)
  const ready = await step('ready', () => becomeReady(visit))
  if (!ready) return undefined
  recording = false
  const credentials = await step('credentials on the serial console', () => askCredentials(visit))
  if (!credentials) return undefined
  const opened = await step('SSH by key', () => enter(visit, credentials))
  if (!opened) return undefined
  const entered = await step(manners.entering, () => enterCloud(visit, credentials, client))
  if (!entered) return undefined
  const { spec, serialLog, imageBytes, account } = visit
  const guest = {
    spec, ready, consoleLines, credentials, secrets: manners.secrets(credentials), cloud: entered.cloud, serialLog, imageBytes,
    account,
    ...opened,
    webPort: vm.port(ports.web),
    timeoutFactor: factor(visit),
  }
  for (const [name, promised] of promises) await recorder.check(name, async () => ({ found: await promised(guest), value: true }))
  const identity = await recorder.check('identity', async () => {
    const value = await collectIdentity(opened.shell, credentials, entered.fingerprint)
    return { found: `${value.size} values to compare with those of other copies`, value }
  })
  if (visit.thorough) await recorder.check('powers off when asked to', () => powerOff(visit))
  return identity
}

function factor({ context }: Visit): number {
  return context.acceleration.timeoutFactor
}

async function becomeReady(visit: Visit): Promise<Found<EvcState>> {
  const started = Date.now()
  const timeoutMs = visit.spec.timeouts.readySeconds * 1000 * factor(visit)
  const value = await waitReady(visit.vm.serial, { timeoutMs, onState: ({ state }) => visit.context.progress(state) })
  const seconds = Math.round((Date.now() - started) / 1000)
  return { found: `${seconds} s after power-on, without any input; nested: ${value.nested ?? 'not said'}`, value }
}

async function askCredentials(visit: Visit): Promise<Found<Credentials>> {
  const { words, secrets } = mannersOf(visit.spec)
  const value = await readCredentials(visit.vm.serial, limits.consoleMs * factor(visit), words)
  visit.secrets.push(...secrets(value).map(secret => secret.value))
  return { found: `shown after Enter: user ${value.user}, password, ${words.api} at ${value.api}, ${words.apiToken}`, value }
}

async function enter(visit: Visit, credentials: Credentials): Promise<Found<{ readonly shell: GuestShell; readonly visitKey: string }>> {
  const { run } = visit.context
  const key = await makeVisitKey(visit.directory, run)
  const { serial } = visit.vm
  const hostKey = await leaveKey(serial, { credentials, publicKey: key.publicKey, timeoutMs: limits.consoleMs * factor(visit) })
  const shell = await openShell({
    run,
    port: visit.vm.port(mannersOf(visit.spec).ports.ssh),
    directory: visit.directory,
    keyPath: key.path,
    hostKey,
    user: credentials.user,
    password: credentials.password,
    timeoutMs: limits.scriptMs * factor(visit),
  })
  const user = (await shell.asRoot('whoami')).trim()
  if (user !== 'root') throw promiseBroken(`sudo with the password gives "${user}"`)
  return { found: `logged in as ${credentials.user} on the console, then by key; sudo with the password gives root`, value: { shell, visitKey: key.publicKey } }
}

function enterCloud(visit: Visit, credentials: Credentials, client: ClientIdentity): Promise<Found<Entered>> {
  const { ports, enter } = mannersOf(visit.spec)
  return enter({ port: visit.vm.port(ports.api), credentials, client, timeoutMs: limits.requestMs * factor(visit) })
}

/** As a hypervisor's "shut down" does it. */
async function powerOff(visit: Visit): Promise<Found<true>> {
  const started = Date.now()
  const timeoutMs = limits.powerOffMs * factor(visit)
  await visit.vm.monitor.execute('system_powerdown')
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>(resolve => (timer = setTimeout(() => resolve(false), timeoutMs)))
  const ended = await Promise.race([visit.vm.ended.then(() => true), late]).finally(() => clearTimeout(timer))
  if (!ended) throw promiseBroken(`It was still running ${timeoutMs / 1000} s after its power button was pressed`, visit.vm.serial.lastLines())
  return { found: `${Math.round((Date.now() - started) / 1000)} s after its power button was pressed`, value: true }
}
