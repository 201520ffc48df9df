/** Writes a kickstart's tree as text again; parsing that text gives the same tree, but for places and comments. */
import type { Kickstart, KickstartNode } from './types.js'
import { quoteWord } from './words.js'

/** Included files come out in place; sections keep every line. The text ends with a newline unless it is empty. */
export function formatKickstart(tree: Kickstart): string {
  return tree.nodes
    .flatMap(formatNode)
    .map(line => `${line}\n`)
    .join('')
}

function formatNode(node: KickstartNode): string[] {
  const head = [node.name, ...node.words.map(quoteWord)].join(' ')
  return node.kind === 'command' ? [head] : [head, ...node.lines.map(line => line.text), '%end']
}
