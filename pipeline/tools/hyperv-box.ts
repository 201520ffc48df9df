/** Reads the machine in a Vagrant box for Hyper-V as Vagrant's PowerShell does (New-VagrantVMXML in VagrantVM.psm1). */
import { elementsAt, findAll, parseXml } from './xml.js'
import type { XmlElement } from './xml.js'

/**
 * What Vagrant makes of it, by name; undefined for what it does not find. Drives as `SCSI 0: box.vhdx`, by the
 * controller that it puts them on. `file` names it in errors. Errors: `xml-wrong` (exit 5).
 */
export function parseHypervBox(text: string, file: string): ReadonlyMap<string, unknown> {
  const root = parseXml(text, file)
  const setting = (...path: string[]) => typedText(only(elementsAt(root, path)))
  const memory = only(findAll(root, 'memory'))
  const bank = (name: string) => memory && typedText(only(elementsAt(memory, ['bank', name])))
  const boot = only(findAll(root, 'boot'))
  return new Map<string, unknown>([
    ['name', setting('properties', 'name')],
    ['generation', Number(setting('properties', 'subtype') ?? 0) + 1],
    ['first boot device', boot && typedText(only(elementsAt(boot, ['device0'])))],
    ['secure boot', only(findAll(root, 'secure_boot_enabled'))?.text === 'True'],
    ['drives', drivesBelow(root)],
    ['processors', numberOf(setting('settings', 'processors', 'count'))],
    ['memory MiB', numberOf(bank('size'))],
    ['dynamic memory', bank('dynamic_memory_enabled') === 'True'],
  ])
}

/** Two of a kind are a list in PowerShell, which has no text. */
function only(elements: readonly XmlElement[]): XmlElement | undefined {
  return elements.length === 1 ? elements[0] : undefined
}

/** PowerShell makes an element of text alone a string, where `."#text"` is nothing; only an attribute keeps it an element. */
function typedText(element: XmlElement | undefined): string | undefined {
  return element && Object.keys(element.attributes).length > 0 && element.text !== '' ? element.text : undefined
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

/** The bus of a controller is told by what is beside it, its number by its name. */
function drivesBelow(parent: XmlElement): readonly string[] {
  const bus = parent.children.some(({ name }) => name === 'ChannelInstanceGuid') ? 'SCSI' : 'IDE'
  return parent.children.flatMap(child => {
    const below = drivesBelow(child)
    if (!child.name.startsWith('controller')) return below
    const paths = child.children.filter(drive => valueIn(drive, 'type') === 'VHD').flatMap(drive => valueIn(drive, 'pathname') ?? [])
    return [...paths.map(path => `${bus} ${/\d/.exec(child.name)?.[0] ?? ''}: ${path}`), ...below]
  })
}

function valueIn(element: XmlElement, name: string): string | undefined {
  return typedText(only(elementsAt(element, [name])))
}
