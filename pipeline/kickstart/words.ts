/** Splits a kickstart line into words, and quotes words back, as Anaconda's reader does (Python's shlex, POSIX). */

export type WordsResult = { readonly words: readonly string[] } | { readonly problem: string }

interface Reading {
  readonly words: string[]
  word: string
  /** A word has begun; '' in quotes counts. */
  inWord: boolean
  quote: string
}

/**
 * Blanks separate, quotes join, a backslash takes the next character as it is (inside double quotes only
 * before `"` and itself). A `#` outside quotes begins a comment, in the middle of a word too: shlex does so.
 */
export function splitWords(line: string): WordsResult {
  const reading: Reading = { words: [], word: '', inWord: false, quote: '' }
  for (let at = 0; at < line.length; at++) {
    const letter = line.charAt(at)
    if (letter === '\\' && reading.quote !== "'") {
      const next = line.charAt(++at)
      if (next === '') return { problem: 'a backslash ends the line' }
      const kept = reading.quote === '"' && next !== '"' && next !== '\\' ? '\\' : ''
      take(reading, kept + next)
    } else if (reading.quote) {
      if (letter === reading.quote) reading.quote = ''
      else reading.word += letter
    } else if (letter === '#') break
    else step(reading, letter)
  }
  if (reading.quote) return { problem: `the quote ${reading.quote} is not closed` }
  endWord(reading)
  return { words: reading.words }
}

function step(reading: Reading, letter: string): void {
  if (letter === '"' || letter === "'") {
    reading.quote = letter
    reading.inWord = true
  } else if (/\s/.test(letter)) endWord(reading)
  else take(reading, letter)
}

function take(reading: Reading, letters: string): void {
  reading.word += letters
  reading.inWord = true
}

function endWord(reading: Reading): void {
  if (reading.inWord) reading.words.push(reading.word)
  reading.word = ''
  reading.inWord = false
}

/** The word as one that `splitWords`, and every POSIX shell, reads back unchanged. */
export function quoteWord(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./^-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
