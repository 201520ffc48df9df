/** What holds for every file of tests. */
import t from 'tap'
import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** Places of what a file awaits outside of its tests, behind the first of them. */
function lateAwaits(name: string, text: string): string[] {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  let begun = false
  const isTest = (each: ts.Node) => ts.isCallExpression(each) && each.expression.getText(source) === 't.test'
  const holdsTest = (node: ts.Node): boolean => isTest(node) || (!ts.isFunctionLike(node) && (ts.forEachChild(node, each => holdsTest(each) || undefined) ?? false))
  const visit = (node: ts.Node) => {
    if (ts.isFunctionLike(node)) return
    // What stands in a loop before its test is behind the test of the round before.
    begun ||= ts.isIterationStatement(node, false) && holdsTest(node)
    if (ts.isAwaitExpression(node) && begun && !isTest(node.expression)) {
      found.push(`${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`)
    }
    ts.forEachChild(node, visit)
    begun ||= isTest(node)
  }
  visit(source)
  return found
}

/** tap takes a file whose tests are done for ended, though it still waits for what its next tests need. */
t.test('no file awaits anything between its tests', async t => {
  const root = fileURLToPath(new URL('.', import.meta.url))
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts'))
  t.ok(files.length > 200)
  t.same(files.flatMap(name => lateAwaits(name, readFileSync(`${root}/${name}`, 'utf8'))), [])
})

t.test('finds such places', async t => {
  const text = 'await a\nt.test("one", async () => await b)\nawait t.test("two")\nconst c = await d\nt.test("three", { skip: await e })\n'
  t.same(lateAwaits('x', text), ['x:4', 'x:5'])
  t.same(lateAwaits('x', 'await a\nfor (const b of c) {\n  await d\n  t.test("one")\n}\n'), ['x:3'])
})
