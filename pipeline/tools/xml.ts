/** Reads XML strictly: well-formed with bound prefixes, or an error with line and column; keeps order and namespaces. */
import { SaxesParser } from 'saxes'
import type { SaxesTagNS } from 'saxes'
import { xmlWrong } from '../errors/images.js'

export interface XmlElement {
  /** Without its prefix. */
  readonly name: string
  /** Namespace; empty without one. */
  readonly uri: string
  /** By their names as written: `ovf:id`. */
  readonly attributes: Readonly<Record<string, string>>
  readonly children: readonly XmlElement[]
  /** Its own text, without that of its children. */
  readonly text: string
}

interface OpenElement extends XmlElement {
  readonly children: OpenElement[]
  text: string
}

/** The root element. `file` names it in errors. Errors: `xml-wrong` (exit 5). */
export function parseXml(text: string, file: string): XmlElement {
  const parser = new SaxesParser({ xmlns: true, position: true })
  const open: OpenElement[] = []
  let root: XmlElement | undefined
  parser.on('error', error => {
    // saxes says `line:column: what`.
    throw xmlWrong(file, error.message.replace(/\.$/, ''))
  })
  parser.on('opentag', tag => {
    const element = elementOf(tag)
    open.at(-1)?.children.push(element)
    root ??= element
    open.push(element)
  })
  parser.on('text', piece => {
    const element = open.at(-1)
    if (element) element.text += piece
  })
  parser.on('closetag', () => void open.pop())
  parser.write(text).close()
  if (!root) throw xmlWrong(file, 'it has no element')
  return root
}

function elementOf({ local, uri, attributes }: SaxesTagNS): OpenElement {
  const values = Object.values(attributes).map(({ name, value }) => [name, value] as const)
  return { name: local, uri, attributes: Object.fromEntries(values), children: [], text: '' }
}

/** Every element of this name below `element`, itself included, in the order of the text. */
export function findAll(element: XmlElement, name: string): readonly XmlElement[] {
  const below = element.children.flatMap(child => findAll(child, name))
  return element.name === name ? [element, ...below] : below
}

/** Every element at this path of names, `element` being its beginning: `elementsAt(root, ['Hardware', 'Cpu'])`. */
export function elementsAt(element: XmlElement, path: readonly string[]): readonly XmlElement[] {
  const [name, ...rest] = path
  if (name === undefined) return [element]
  return element.children.filter(child => child.name === name).flatMap(child => elementsAt(child, rest))
}

/** Texts and attributes of everything below an element, each with the path to it; of what comes twice, the last. */
export function valuesByPath({ children }: XmlElement, path: readonly string[] = []): readonly (readonly [string, string])[] {
  return children.flatMap(child => {
    const here = [...path, child.name]
    const attributes = Object.entries(child.attributes).map(([name, value]) => [[...here, name].join(' '), value] as const)
    return [[here.join(' '), child.text] as const, ...attributes, ...valuesByPath(child, here)]
  })
}
