/** Formatting a tree and reading it again gives the same tree: shown on made-up kickstarts. */
import t from 'tap'
import { formatKickstart } from '../../pipeline/kickstart/format.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import { knownCommands, knownSections } from '../../pipeline/kickstart/releases.js'
import type { Kickstart } from '../../pipeline/kickstart/types.js'

const file = 'x.ks'

function parse(text: string): Kickstart {
  return parseKickstart(text, { file, readInclude: () => '' })
}

/** The tree without places: comments and blank lines move lines. */
function shape(tree: Kickstart) {
  return tree.nodes.map(node => ({
    ...node,
    place: 0,
    ...(node.kind === 'section' ? { lines: node.lines.map(line => line.text) } : {}),
  }))
}

/** A small generator with a fixed seed (mulberry32): the same kickstarts in every run. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return sides => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }
}

const letters = [...`ab /-=%@#'"\\$\`;*~.,:ä!\t`]

function madeUp(seed: number): Kickstart {
  const roll = dice(seed)
  const some = <T>(most: number, make: () => T): T[] => Array.from({ length: roll(most + 1) }, make)
  const pick = <T>(from: readonly T[]): T => from[roll(from.length)] as T
  const word = () => some(8, () => pick(letters)).join('')
  const place = { file, line: 1 }
  const line = () => ({ text: ` ${word()}`, place })
  const nodes = some(8, () => {
    const words = some(4, word)
    return roll(3) > 0
      ? ({ kind: 'command', name: pick(knownCommands), words, place } as const)
      : ({ kind: 'section', name: pick(knownSections), words, lines: some(5, line), place } as const)
  })
  return { file, nodes }
}

t.test('300 made-up trees survive being written and read', async t => {
  const sizes = new Set<number>()
  for (let seed = 1; seed <= 300; seed++) {
    const tree = madeUp(seed)
    sizes.add(tree.nodes.length)
    const text = formatKickstart(tree)
    t.same(shape(parse(text)), shape(tree), `seed ${seed}`)
    t.equal(formatKickstart(parse(text)), text, `seed ${seed}, written twice`)
  }
  t.ok(sizes.size > 5, 'the trees differ in size')
})

t.test('drops comments and joins blanks, and keeps scripts as they are', async t => {
  const text = formatKickstart(
    parse(`# top\nlang   C.UTF-8 # here\n\nuser --gecos="It's me"\n%post --log=/x\n # kept  \n%end\n`)
  )
  t.equal(text, `lang C.UTF-8\nuser '--gecos=It'\\''s me'\n%post --log=/x\n # kept  \n%end\n`)
})
