/**
 * Renders templates: Handlebars, strict, no HTML escaping, and every named value is checked against
 * the data first.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Handlebars from 'handlebars'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { renderedNoJson, templateSyntax, templateUnreadable } from '../errors/render.js'
import { checkTemplate } from './check.js'
import { blockHelpers, templateHelpers } from './helpers.js'
import { markLines, readMarks } from './line-numbers.js'

export interface Template {
  /** Name for messages. */
  readonly file: string
  readonly text: string
  readonly data: object
}

const handlebars = Handlebars.create()
for (const [name, helper] of Object.entries(templateHelpers)) {
  // Handlebars hands an options object as one more value; ours take values only.
  handlebars.registerHelper(name, (...values: unknown[]) => helper.call(...values.slice(0, -1)))
}

const options: CompileOptions = {
  strict: true,
  noEscape: true,
  knownHelpersOnly: true,
  knownHelpers: Object.fromEntries(
    [...blockHelpers, ...Object.keys(templateHelpers)].map(name => [name, true])
  ),
}

/**
 * The rendered text. Pure. Throws one PipelineError (exit 2) that holds every fault as `file:line: problem`:
 * `template-syntax`, `template-unknown-value`, `template-no-value`, `template-unknown-helper` and their kin.
 */
export function renderTemplate(template: Template): string {
  return handlebars.compile(checkedTree(template), options)(template.data)
}

/** As renderTemplate; `numbers` has the template's line for each line of the text. */
export function renderMapped(template: Template): { readonly text: string; readonly numbers: readonly number[] } {
  const tree = checkedTree(template)
  markLines(template.text, tree)
  return readMarks(handlebars.compile(tree, options)(template.data))
}

function checkedTree({ file, text, data }: Template): hbs.AST.Program {
  const tree = parse(file, text)
  const problems = checkTemplate(file, tree, data)
  if (problems.length > 0) throw joinProblems(problems)
  return tree
}

/**
 * Renders the file `join(root, file)`; `file` names it in messages. Errors as renderTemplate,
 * `template-unreadable`.
 */
export async function renderFile({
  root,
  file,
  data,
}: {
  root: string
  file: string
  data: object
}): Promise<string> {
  const text = await readFile(join(root, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw templateUnreadable(file, error)
  })
  return renderTemplate({ file, text, data })
}

/**
 * Renders, then parses the text as JSON. Errors as renderTemplate, `rendered-no-json` with the
 * lines around the spot.
 */
export function renderJson(template: Template): unknown {
  const rendered = renderTemplate(template)
  try {
    return JSON.parse(rendered)
  } catch (error) {
    throw noJson(template.file, rendered, error as SyntaxError)
  }
}

function parse(file: string, text: string): hbs.AST.Program {
  try {
    return handlebars.parse(text)
  } catch (error) {
    throw syntaxError(file, text, error as Error & { lineNumber?: number })
  }
}

/**
 * Handlebars has two forms: its parser's `Parse error on line 3:` with reasons, and its own with a
 * line number.
 */
function syntaxError(file: string, text: string, error: Error & { lineNumber?: number }): PipelineError {
  const [, found] = /^(?:Parse|Lexical) error on line (\d+)/.exec(error.message) ?? []
  if (found === undefined) {
    return templateSyntax({ file, line: error.lineNumber ?? 1 }, error.message.replace(/ - \d+:\d+$/, ''))
  }
  const atEnd = error.message.endsWith("got 'EOF'")
  const line = Number(found)
  const excerpt = text.split('\n').slice(line - 1, line)
  return templateSyntax(
    { file, line },
    atEnd ? 'the template ends inside a block or tag' : 'this is no valid tag',
    excerpt
  )
}

function noJson(file: string, rendered: string, error: SyntaxError): PipelineError {
  const position = /at position (\d+)/.exec(error.message)?.[1]
  const before = rendered.slice(0, position === undefined ? rendered.length : Number(position)).split('\n')
  const lines = rendered.split('\n').map((line, at) => `${at + 1}: ${line}`)
  const problem = error.message
    .replace(/ in JSON at position.*$/, '')
    .replace(/^Unexpected end of JSON input$/, 'it ends too early')
  return renderedNoJson(
    file,
    `line ${before.length} of it: ${problem}.`,
    lines.slice(Math.max(0, before.length - 2), before.length + 1)
  )
}
