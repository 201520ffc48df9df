/** Keeps track of the lines: which line of a template each line of its rendered text comes from. */

/** Stands before the text of a line while the template is rendered; no kickstart and no file of text holds a NUL. */
const mark = (line: number) => `\0${line}\0`
const marks = /\0(\d+)\0/g

/** Puts a mark before each line of the template's own text. Changes the tree, which was made from `text`. */
export function markLines(text: string, program: hbs.AST.Program | undefined): void {
  for (const statement of program?.body ?? []) {
    if (statement.type === 'ContentStatement') markContent(text, statement as hbs.AST.ContentStatement)
    else if (statement.type === 'BlockStatement') {
      const { program: inner, inverse } = statement as hbs.AST.BlockStatement
      markLines(text, inner)
      markLines(text, inverse)
    }
  }
}

/** Tags that stand alone on their line, and those with ~, took line ends off the start of the text that follows them. */
function markContent(text: string, content: hbs.AST.ContentStatement): void {
  const { start, end } = content.loc
  const [first = '', ...rest] = text.split('\n').slice(start.line - 1, end.line)
  const written = [first.slice(start.column), ...rest].join('\n')
  let line = start.line + leadingLineEnds(written) - leadingLineEnds(content.value)
  content.value = mark(line) + content.value.replace(/\n/g, () => `\n${mark(++line)}`)
}

function leadingLineEnds(text: string): number {
  return (/^\s*/.exec(text)?.[0].split('\n').length ?? 1) - 1
}

/** The text without its marks, and the template's line for each of its lines. */
export function readMarks(marked: string): { readonly text: string; readonly numbers: readonly number[] } {
  let last = 1
  const numbers: number[] = []
  const lines = marked.split('\n').map(line => {
    const [, leading = ''] = /^((?:\0\d+\0)*)/.exec(line) ?? []
    last = Number([...leading.matchAll(marks)].at(-1)?.[1] ?? last)
    numbers.push(last)
    // A value of several lines ends in the line of the tag, wherever the text goes on.
    const after = [...line.matchAll(marks)].at(-1)?.[1]
    if (after !== undefined) last = Number(after)
    return line.replace(marks, '')
  })
  return { text: lines.join('\n'), numbers }
}
