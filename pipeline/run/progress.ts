/** Runs the steps of a build one after the other and shows them: a live list on a terminal, else one line per event. */
import { DefaultRenderer, Listr, ListrLogger, ProcessOutput } from 'listr2'
import { formatSeconds } from '../plan/format.js'

export type Progress = (line: string) => void

export interface Step {
  readonly name: string
  /** Its result is there already; `run` only fetches it. */
  readonly stored: boolean
  readonly run: (progress: Progress) => Promise<void>
}

/** The first step that throws ends the rest; its error is passed on as it is. */
export async function runSteps(steps: readonly Step[], stderr: NodeJS.WriteStream): Promise<void> {
  if (stderr.isTTY) await runListed(steps, stderr)
  else await runLogged(steps, stderr)
}

/** `media: started`, `media: <line>`, `media: completed in 70 s`, or `media: stored`. */
async function runLogged(steps: readonly Step[], stderr: NodeJS.WritableStream): Promise<void> {
  const say = (step: Step, line: string) => void stderr.write(`${step.name}: ${line}\n`)
  for (const step of steps) {
    const started = Date.now()
    say(step, step.stored ? 'stored' : 'started')
    await step.run(line => say(step, line))
    if (!step.stored) say(step, `completed in ${secondsSince(started)}`)
  }
}

/** listr2 asks whether stdout is a terminal; this list is drawn on stderr, and stdout may well be a pipe. */
class StderrRenderer extends DefaultRenderer {
  static override nonTTY = true
}

async function runListed(steps: readonly Step[], stderr: NodeJS.WriteStream): Promise<void> {
  const logger = new ListrLogger({ processOutput: new ProcessOutput(stderr, stderr) })
  const tasks = steps.map(step => ({
    title: step.stored ? `${step.name}: stored` : step.name,
    task: async (_: unknown, task: { title: string; output: string }) => {
      const started = Date.now()
      await step.run(line => (task.output = line))
      if (!step.stored) task.title = `${step.name}: ${secondsSince(started)}`
    },
  }))
  await new Listr(tasks, {
    renderer: StderrRenderer,
    // Signals are answered in run/host.ts, which ends the children first.
    registerSignalListeners: false,
    // The error is printed once, by the command line.
    rendererOptions: { logger, showErrorMessage: false, collapseErrors: false },
  }).run()
}

function secondsSince(started: number): string {
  return formatSeconds((Date.now() - started) / 1000)
}
