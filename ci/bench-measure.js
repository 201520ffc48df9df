// What all sections of ci/bench share: numbers, their rounding, and one program run to its end.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

export const mib = 1024 * 1024
export const seconds = milliseconds => Math.round(milliseconds / 10) / 100
export const percent = (part, whole) => Math.round((part / whole) * 10_000) / 100
export const ratio = (part, whole) => Math.round((part / whole) * 1000) / 1000
export const median = values => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]
export const say = text => void process.stderr.write(`bench: ${text}\n`)

/** VmHWM, the most memory that a process has had; 0 when it has just ended. */
export function peakBytes(pid) {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

/** Ends the benchmark: with 3 where the program is missing, else with the program's own exit code. */
export function measure(command, args, options) {
  return new Promise(resolve => {
    const started = performance.now()
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    let [peak, stdout, stderr] = [0, '', '']
    child.stdout.on('data', text => (stdout += text))
    child.stderr.on('data', text => (stderr += text))
    const timer = setInterval(() => (peak = Math.max(peak, peakBytes(child.pid))), 50)
    child.on('error', error => {
      say(`could not start ${command}: ${error.message}`)
      process.exit(3)
    })
    child.on('close', code => {
      clearInterval(timer)
      if (code !== 0) {
        say(`${command} ${args.join(' ')} ended with ${code}:\n${stderr.split('\n').slice(-10).join('\n')}`)
        process.exit(code ?? 1)
      }
      resolve({ milliseconds: performance.now() - started, peakMib: Math.round(peak / mib), stdout, stderr })
    })
  })
}
