/** A running VM: started through Run, reached by its serial console, its monitor and its forwarded ports. */
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vmEnded } from '../errors/qemu.js'
import type { Command, Run, RunOptions } from './command.js'
import type { VmWires } from './qemu.js'
import { attachMonitor } from './qmp.js'
import type { Monitor } from './qmp.js'
import { attachSerial } from './serial.js'
import type { SerialConsole } from './serial.js'

export interface VmStart {
  readonly run: Run
  /** The command line of this VM with the wires that lead to it. */
  readonly command: (wires: VmWires) => Command
  /** Ports of the guest to reach from here. */
  readonly guestPorts: readonly number[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Appended to: the serial console without what was shown while it was paused. */
  readonly serialLog: string
  /** QEMU's own words. */
  readonly qemuLog: string
}

export interface RunningVm {
  readonly serial: SerialConsole
  readonly monitor: Monitor
  /** The port on 127.0.0.1 for a port of the guest. */
  port(guestPort: number): number
  /** Resolves when QEMU has ended by itself; errors are those of Run. */
  readonly ended: Promise<void>
  /** Ends the VM at once, in whatever state it is; resolves when it is gone. Never fails. */
  stop(): Promise<void>
}

/** How long QEMU may take to end after it was told to quit, ms. */
const quitMs = 3000

/** Errors: those of Run when QEMU does not start; its words are in `qemuLog`. */
export async function startVm(start: VmStart): Promise<RunningVm> {
  // A socket's path may have 107 bytes at most, so they do not lie beside the disks.
  const sockets = await mkdtemp(join(tmpdir(), 'vm-'))
  const [serialSocket, monitorSocket] = [join(sockets, 'serial'), join(sockets, 'monitor')]
  const [serial, monitor] = await Promise.all([awaitOne(serialSocket), awaitOne(monitorSocket)])
  const forwards = await freePorts(start.guestPorts)
  const killer = new AbortController()
  const options: RunOptions = {
    logFile: start.qemuLog,
    signal: killer.signal,
    reason: 'boot a disk',
    ...(start.env ? { env: start.env } : {}),
    ...(start.cwd ? { cwd: start.cwd } : {}),
  }
  const command = start.command({ forwards, serialSocket, monitorSocket })
  const ended = start.run(command, options).then(() => {})
  const gone = ended.catch(() => {}).finally(async () => {
    for (const { server } of [serial, monitor]) server.close()
    await rm(sockets, { recursive: true, force: true })
  })
  const connected = Promise.all([serial.connection, monitor.connection])
  const [serialLine, monitorLine] = await Promise.race([
    connected,
    ended.then(() => {
      throw vmEnded('its serial console', [])
    }),
  ])
  const qmp = attachMonitor(monitorLine)
  return {
    serial: attachSerial(serialLine, start.serialLog),
    monitor: qmp,
    ended,
    port: guestPort => portOf(forwards, guestPort),
    stop: async () => {
      qmp.execute('quit').catch(() => {})
      const timer = setTimeout(() => killer.abort(), quitMs)
      await gone
      clearTimeout(timer)
    },
  }
}

function portOf(forwards: readonly { hostPort: number; guestPort: number }[], guestPort: number): number {
  const found = forwards.find(forward => forward.guestPort === guestPort)
  if (!found) throw new TypeError(`port ${guestPort} of the guest was not asked for`)
  return found.hostPort
}

/** A listening unix socket and the first connection to it. */
async function awaitOne(path: string): Promise<{ server: Server; connection: Promise<Socket> }> {
  const server = createServer()
  const connection = new Promise<Socket>(resolve => server.once('connection', resolve))
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
  return { server, connection }
}

/**
 * Ports that are free now, all different. Another program may take one before QEMU does; QEMU then fails at its
 * start and names the port.
 */
async function freePorts(guestPorts: readonly number[]) {
  const servers = await Promise.all(guestPorts.map(() => listenAnywhere()))
  const forwards = servers.map((server, index) => ({
    hostPort: (server.address() as AddressInfo).port,
    guestPort: guestPorts[index] ?? 0,
  }))
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return forwards
}

async function listenAnywhere(): Promise<Server> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  return server
}
