/** Boot arguments of Anaconda, in each generation's own words: RHEL 6 knows no inst., RHEL 9 nothing else. */

import { generationOf } from '../spec/el-rules.js'

/** Where Anaconda finds what it needs. */
export interface AnacondaSources {
  /** Of the appliance: `6.10`, `7.9`. */
  readonly release: string
  /** Address of the kickstart; absent: it lies on the disk labelled OEMDRV, which Anaconda looks for by itself. */
  readonly kickstart?: string
  /** A medium in the drive, or a tree whose own system lies at `stage2`. */
  readonly from: { readonly kind: 'cdrom' } | { readonly kind: 'tree'; readonly tree: string; readonly stage2: string }
}

/** First generation that knows `inst.`, and that looks for a disk labelled OEMDRV. */
const instSince = 7

/** The last console is the one Anaconda talks on; eth0 keeps its name, because the kickstart speaks of it. */
const shared = 'net.ifnames=0 biosdevname=0 console=tty0 console=ttyS0,115200n8'

/**
 * `cmdline` is text mode that ends where it would ask. nosave: Anaconda copies its logs and the kickstart, passwords'
 * hashes and all, onto the disk after the last script. panic=-1: a kernel that cannot go on ends the VM at once.
 */
export function anacondaArguments({ release, kickstart, from }: AnacondaSources): string {
  if (generationOf(release) < instSince) {
    const source = from.kind === 'cdrom' ? 'repo=cdrom:' : `repo=${from.tree} stage2=${from.stage2}`
    return `${source} ${kickstart === undefined ? '' : `ks=${kickstart} `}ksdevice=eth0 ip=dhcp cmdline serial panic=-1 ${shared}`
  }
  // The medium's own system is found where its packages are.
  const source = from.kind === 'cdrom' ? 'inst.repo=cdrom' : `inst.repo=${from.tree} inst.stage2=${from.stage2}`
  const fetched = kickstart === undefined ? '' : `inst.ks=${kickstart} `
  return `${source} ${fetched}ip=dhcp inst.cmdline inst.gpt inst.nosave=all panic=-1 ${shared}`
}

/** What the menu of an installer ISO starts: everything is on the medium, found by its label. */
export function mediumArguments(release: string, { volume, role }: { readonly volume: string; readonly role: string }): string {
  const consoles = 'console=tty0 console=ttyS0,115200n8'
  if (generationOf(release) < instSince) return `repo=cdrom: ks=cdrom:/evc/${role}.ks ${consoles}`
  const medium = `hd:LABEL=${volume}`
  return `inst.stage2=${medium} inst.repo=${medium} inst.ks=${medium}:/evc/${role}.ks inst.gpt inst.nosave=all net.ifnames=0 biosdevname=0 ${consoles}`
}
