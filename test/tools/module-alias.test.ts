/** module-alias: the patterns of a real kernel's modules.alias, and wildcards of every kind. */
import t from 'tap'
import { modulesFor } from '../../pipeline/tools/module-alias.js'

/** Lines of Debian 13's kernel. */
const debian = `# Aliases extracted from modules themselves.
alias pci:v00001000d00000030sv*sd*bc*sc*i* mptspi
alias vmbus:d96361baa104294db60572e2ffb1dc7f hv_storvsc
alias xen:vbd xen_blkfront
alias pci:v*d*sv*sd*bc01sc06i01* ahci
alias pci:v00008086d00002829sv*sd*bc*sc*i* ahci
`

t.test('finds the module of each device', async t => {
  const cases: Readonly<Record<string, readonly string[]>> = {
    'pci:v00001000d00000030sv000015ADsd00001976bc01sc00i00': ['mptspi'],
    'vmbus:d96361baa104294db60572e2ffb1dc7f': ['hv_storvsc'],
    'xen:vbd': ['xen_blkfront'],
    'pci:v00008086d00002829sv00000000sd00000000bc01sc06i01': ['ahci'],
    'xen:vif': [],
    'pci:v00001000d00000031sv000015ADsd00001976bc01sc00i00': [],
  }
  for (const [alias, modules] of Object.entries(cases)) t.strictSame(modulesFor(alias, debian), modules, alias)
})

t.test('reads wildcards as a shell does, and nothing else as special', async t => {
  t.strictSame(modulesFor('usb:v1d2A', 'alias usb:v?d[0-3]A* a\nalias usb:v?d[!0-3]A* b\n'), ['a'])
  t.strictSame(modulesFor('usb:v1d2A', 'alias usb:v1d.A a\nalias usb:v1d2A+ b\n'), [])
  t.strictSame(modulesFor('a.b', 'alias a.b c\n'), ['c'])
})
