/** The exit codes of every command, in one place. `--help` lists them and test/cli.test.ts holds them to it. */
export const exitCodes = {
  done: 0,
  usage: 2,
  missing: 3,
  stage: 4,
  verification: 5,
  publish: 6,
  bug: 70,
  interrupted: 130,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** One line per code, for `--help` and the README. */
export const exitCodeMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  done: 'done',
  usage: 'usage or spec: the command line, appliance.yaml, kickstart or a template is wrong',
  missing: 'this host lacks a tool, disk space, acceleration or a permission',
  stage: 'a stage failed, or a mirror or server that was asked does not answer',
  verification: 'verification failed: the artifact is not fit for release',
  publish: "refused by the releases' server or tree",
  bug: 'a bug of ours; please report it',
  interrupted: 'interrupted',
}
