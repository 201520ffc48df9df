/** Finds the known word that a mistyped one most likely meant. */

/**
 * The candidate with the fewest typing errors (letters added, left out, replaced or swapped), or undefined
 * when even the best differs in more than a third of its letters. Case counts for nothing; the first of equals wins.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase()
  let best: string | undefined
  let bestDistance = Infinity
  for (const candidate of candidates) {
    const found = distance(typed, candidate.toLowerCase())
    if (found < bestDistance && found <= allowed(word, candidate)) {
      best = candidate
      bestDistance = found
    }
  }
  return best
}

/** `Did you mean "x"?`, or without a near word the list of known ones. */
export function suggest(word: string, known: readonly string[], what = 'Known'): string {
  const near = nearest(word, known)
  if (near !== undefined) return `Did you mean "${near}"?`
  return known.length > 0 ? `${what}: ${known.join(', ')}.` : `${what}: none.`
}

function allowed(word: string, candidate: string): number {
  return Math.max(1, Math.floor(Math.max(word.length, candidate.length) / 3))
}

/** Optimal string alignment distance; words here are short, so the whole table is kept. */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)]
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    rows.push(row)
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity
      row.push(Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced, swapped))
    }
  }
  return at(a.length, b.length)
}
