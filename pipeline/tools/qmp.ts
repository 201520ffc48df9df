/** QEMU's machine protocol (QMP): asks a running VM to power off, quit or show its screen. */
// https://www.qemu.org/docs/master/interop/qmp-spec.html
import type { Socket } from 'node:net'
import { monitorRefused, vmEnded } from '../errors/qemu.js'

export interface Monitor {
  /** Errors: `monitor-refused`, `vm-ended` (exit 4). */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>
}

interface Waiting {
  readonly command: string
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

interface Message {
  readonly id?: number
  readonly return?: unknown
  readonly error?: { readonly desc: string }
}

/** Speaks QMP on a connected socket; commands may be given at once, the greeting is waited for. */
export function attachMonitor(socket: Socket): Monitor {
  const waiting = new Map<number, Waiting>()
  let lastId = 0
  let rest = ''
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') answer(waiting, JSON.parse(line) as Message)
  })
  const fail = () => {
    for (const { command, reject } of waiting.values()) reject(vmEnded(`its monitor's answer to "${command}"`, []))
    waiting.clear()
  }
  socket.on('error', fail)
  socket.on('close', fail)
  const execute: Monitor['execute'] = (command, args) =>
    new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(vmEnded(`its monitor's answer to "${command}"`, []))
      const id = ++lastId
      waiting.set(id, { command, resolve, reject })
      socket.write(`${JSON.stringify({ execute: command, id, ...(args ? { arguments: args } : {}) })}\n`)
    })
  // QEMU takes no other command before this one; a failure shows with the first real command.
  execute('qmp_capabilities').catch(() => {})
  return { execute }
}

/** The greeting and events bear no id. */
function answer(waiting: Map<number, Waiting>, message: Message): void {
  const found = message.id === undefined ? undefined : waiting.get(message.id)
  if (!found || message.id === undefined) return
  waiting.delete(message.id)
  if (message.error) found.reject(monitorRefused(found.command, message.error.desc))
  else found.resolve(message.return)
}
