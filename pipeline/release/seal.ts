/** Seals the documents of a published tree, and opens them: schema first, then signature; nothing of a document is used before. */
import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import type { ValidateFunction } from 'ajv'
import { documentWrong, signatureWrong } from '../errors/signature.js'
import { canonicalJson } from '../run/key.js'
import type { Run } from '../tools/command.js'
import type { Json } from '../tools/json.js'
import { verifyText } from '../tools/signature.js'
import type { Signature, TrustedKeys } from '../tools/signature.js'
import type { Sealed, SealedDocument } from './documents.js'
import { keyOf } from './tree.js'

/** Makes all signatures of a text: none, by SSH, by OpenPGP or by both. */
export type Sign = (text: string) => Promise<readonly Signature[]>

/** The document as it lies in the tree: indented for people, signed over its canonical form. */
export async function seal<Content extends SealedDocument>(signed: Content, sign: Sign): Promise<string> {
  const sealed: Sealed<Content> = { signed, signatures: await sign(canonicalText(signed)) }
  return `${JSON.stringify(sealed, null, 2)}\n`
}

/** What is signed: keys sorted, no white space, no line break at its end. */
export function canonicalText(signed: SealedDocument): string {
  return canonicalJson(JSON.parse(JSON.stringify(signed)) as Json)
}

export interface Wanted<Kind extends SealedDocument['kind']> {
  readonly kind: Kind
  readonly appliance: string
  /** Where the document was looked for, inside the tree. */
  readonly key: string
  /** Where the text came from, for messages. */
  readonly what: string
}

/** Parses and checks one document; says nothing of its signature. Errors: `document-wrong` (exit 5). */
export function parseSealed<Kind extends SealedDocument['kind']>(
  text: string,
  wanted: Wanted<Kind>
): Sealed<Extract<SealedDocument, { kind: Kind }>> {
  const sealed = parseJson(text, wanted.what)
  const { signed, signatures, ...others } = isObject(sealed) ? sealed : {}
  // A signed document must not pass for another one: a channel's for an index, an old release's for the newest.
  const { kind, appliance } = isObject(signed) ? signed : {}
  if (kind !== wanted.kind) throw documentWrong(wanted.what, [`it is not of kind ${wanted.kind}`])
  const check = (validators ??= compile())
  const problems = [
    ...Object.keys(others).map(name => `/${name}: must not be there`),
    ...problemsOf(check[wanted.kind], '/signed', signed),
    ...problemsOf(check.signatures, '/signatures', signatures),
  ]
  if (problems.length > 0) throw documentWrong(wanted.what, problems)
  if (appliance !== wanted.appliance) throw documentWrong(wanted.what, [`it is of the appliance ${String(appliance)}, not ${wanted.appliance}`])
  const found = { signed, signatures } as Sealed<Extract<SealedDocument, { kind: Kind }>>
  const own = keyOf(found.signed)
  if (own !== wanted.key) throw documentWrong(wanted.what, [`it belongs at ${own}`])
  return found
}

/** True: one of the signatures is by a trusted key. False: there is none at all. Errors: `signature-wrong` (exit 5). */
export async function checkSignatures(
  sealed: Sealed<SealedDocument>,
  { what, trusted, run }: { readonly what: string; readonly trusted: TrustedKeys; readonly run: Run }
): Promise<boolean> {
  if (sealed.signatures.length === 0) return false
  const text = canonicalText(sealed.signed)
  for (const signature of sealed.signatures) if (await verifyText(text, signature, trusted, run)) return true
  throw signatureWrong(what)
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw documentWrong(what, ['it is not JSON'])
  }
}

type Part = SealedDocument['kind'] | 'signatures'

let validators: Readonly<Record<Part, ValidateFunction>> | undefined

function compile(): Readonly<Record<Part, ValidateFunction>> {
  const schema = createRequire(import.meta.url)('./documents.schema.json') as { $id: string }
  // Whether the schema itself is one is told by a test: looking at every start costs more than all documents.
  const ajv = new Ajv({ strict: false, validateSchema: false, meta: false, code: { optimize: false } }).addSchema(schema)
  const part = (name: Part) => ajv.compile({ $ref: `${schema.$id}#/definitions/${name}` })
  return { release: part('release'), channel: part('channel'), index: part('index'), signatures: part('signatures') }
}

function problemsOf(validate: ValidateFunction, place: string, value: unknown): string[] {
  if (validate(value)) return []
  return (validate.errors ?? []).map(error => `${place}${error.instancePath}: ${error.message ?? error.keyword}`)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
