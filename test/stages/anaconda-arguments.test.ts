/** Boot arguments by generation and by where Anaconda finds what it needs: whole lines. */
import t from 'tap'
import { anacondaArguments, mediumArguments } from '../../pipeline/stages/anaconda-arguments.js'

const consoles = 'panic=-1 net.ifnames=0 biosdevname=0 console=tty0 console=ttyS0,115200n8'
const kickstart = 'http://10.0.2.2:8000/ks.cfg'
const cdrom = { kind: 'cdrom' } as const
const tree = { kind: 'tree', tree: 'http://vault.example/os/', stage2: 'http://10.0.2.2:8000' } as const

t.test('each generation gets its own words', async t => {
  const lines = {
    [anacondaArguments({ release: '6.10', kickstart, from: cdrom })]: `repo=cdrom: ks=${kickstart} ksdevice=eth0 ip=dhcp cmdline serial ${consoles}`,
    [anacondaArguments({ release: '6.10', kickstart, from: { ...tree, stage2: `${tree.stage2}/images/install.img` } })]:
      `repo=http://vault.example/os/ stage2=http://10.0.2.2:8000/images/install.img ks=${kickstart} ksdevice=eth0 ip=dhcp cmdline serial ${consoles}`,
    [anacondaArguments({ release: '7.9', kickstart, from: cdrom })]:
      `inst.repo=cdrom inst.ks=${kickstart} ip=dhcp inst.cmdline inst.gpt inst.nosave=all ${consoles}`,
    [anacondaArguments({ release: '9.4', kickstart, from: tree })]:
      `inst.repo=http://vault.example/os/ inst.stage2=http://10.0.2.2:8000 inst.ks=${kickstart} ip=dhcp inst.cmdline inst.gpt inst.nosave=all ${consoles}`,
  }
  for (const [found, wanted] of Object.entries(lines)) t.equal(found, wanted)
})

t.test('without an address the kickstart is looked for on the labelled disk, and not named', async t => {
  t.notMatch(anacondaArguments({ release: '7.9', from: cdrom }), /inst\.ks/)
})

t.test('an installer on a medium finds itself by its label, but for RHEL 6', async t => {
  t.match(mediumArguments('7.9', { volume: 'EVC_INSTALL', role: 'nc' }), /^inst\.stage2=hd:LABEL=EVC_INSTALL inst\.repo=hd:LABEL=EVC_INSTALL inst\.ks=hd:LABEL=EVC_INSTALL:\/evc\/nc\.ks inst\.gpt inst\.nosave=all /)
  t.match(mediumArguments('6.10', { volume: 'EVC_INSTALL', role: 'nc' }), /^repo=cdrom: ks=cdrom:\/evc\/nc\.ks /)
})
