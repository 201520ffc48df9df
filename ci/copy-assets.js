// Copies what TypeScript does not compile (JSON schema, shell helpers) beside the compiled files.
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const from = fileURLToPath(new URL('../pipeline/', import.meta.url))
const to = fileURLToPath(new URL('../dist/', import.meta.url))
cpSync(from, to, { recursive: true, filter: path => !path.endsWith('.ts') })
