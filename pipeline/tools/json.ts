/** Values that JSON can hold, and reading what was rendered as JSON. */
import { jsonWrong } from '../errors/images.js'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** `file` names the text in errors. Errors: `json-wrong` (exit 5). */
export function parseJson(text: string, file: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (error) {
    throw jsonWrong(file, (error as SyntaxError).message)
  }
}
