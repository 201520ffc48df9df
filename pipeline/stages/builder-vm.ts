/** What the two Packer stages share: the VM's size, its serial log, and the error when it did not end well. */
import { join } from 'node:path'
import type { Acceleration } from '../tools/acceleration.js'
import { escapeOption } from '../tools/qemu.js'

/** File name of the disk in a stage's result: raw and sparse, so that audit and export read it in place. */
export const diskName = 'disk.raw'

/** Packer's output folder inside a stage's folder; Packer insists on making it itself. */
export const packerOutput = 'packer'

/** Packer's way to write a time. */
export function packerSeconds(seconds: number, acceleration: Pick<Acceleration, 'timeoutFactor'>): string {
  return `${Math.round(seconds * acceleration.timeoutFactor)}s`
}

/** A character device that no one can type into and that is kept as a file. */
export function serialToFile(path: string): string {
  return `file,id=serial,path=${escapeOption(path)}`
}

export function serialLogPath(logDirectory: string, stage: string): string {
  return join(logDirectory, `${stage}.serial.log`)
}

/** Lines of console output as a person saw them: no carriage returns, colours or cursor moves. */
export function cleanSerial(text: string): string[] {
  return text
    .replace(/\u001b(?:\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>c78])/g, '')
    .split(/\r?\n/)
    .map(line => line.split('\r').at(-1)?.trimEnd() ?? '')
    .filter(line => line !== '')
}
