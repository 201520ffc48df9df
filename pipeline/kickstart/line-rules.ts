/** What the options and arguments of one line need of each other: Anaconda's reader tests it in its code, not in its tables of options. */
import { elReleases } from './releases.js'
import type { ElRelease } from './releases.js'

/**
 * When a rule holds. A condition is `--option` (it says something), `--option=value` (it says that), or a word (the line's
 * first argument).
 */
interface Scope {
  /** @default every release that knows the options */
  readonly releases?: readonly ElRelease[]
  /** All of these hold. */
  readonly when?: readonly string[]
  /** None of these holds. */
  readonly unless?: readonly string[]
}

interface Demand {
  /** What is wrong, as the end of a sentence whose subject is what was written. */
  readonly problem: string
  readonly hint: string
}

/** One of these options must be there. */
export interface Needs extends Scope {
  readonly needs: readonly string[]
}

/** None of these conditions may hold. */
export interface Excludes extends Scope {
  readonly excludes: readonly string[]
}

/** Each value of an option, or the argument with that number, keeps to something. */
export interface Keeps extends Scope, Demand {
  readonly of: string | number
  readonly keeps: (text: string) => boolean
}

/** All words of the line, one below the other, have a form. */
export interface Line extends Scope, Demand {
  readonly line: RegExp
}

export type LineRule = Needs | Excludes | Keeps | Line

const since = (first: ElRelease): readonly ElRelease[] => elReleases.slice(elReleases.indexOf(first))

/** Either says that the volume is there already: one that is not formatted must be. */
const existing = ['--useexisting', '--noformat']

const notEmpty = { keeps: (text: string) => text !== '', problem: 'is empty' }

const wholeNumber = (least: number, most: number) => (text: string) => Number(text) >= least && Number(text) <= most

/** In the manner of RHEL 7's network scripts: a name with a dot ends in the VLAN's number, and so does one with `vlan` before it. */
function interfaceName(name: string): boolean {
  const vlan = /^(?:vlan|(?!vlan)[^.]*\.)(\d+)$/.exec(name)?.[1]
  return vlan === undefined ? !name.startsWith('vlan') && !name.includes('.') : Number(vlan) <= 4095
}

/** By command or section; several that share rules are separated by blanks. */
export const lineRules: Readonly<Record<string, readonly LineRule[]>> = {
  logvol: [
    { when: ['--thin'], excludes: ['--thinpool'] },
    { when: ['--thin'], needs: ['--poolname'] },
    { when: ['--chunksize'], needs: ['--thinpool'] },
    { when: ['--metadatasize'], needs: ['--thinpool'] },
    { releases: since('RHEL7'), needs: ['--size', '--percent', '--recommended', '--hibernation', ...existing] },
    { releases: since('RHEL7'), when: ['--size'], excludes: ['--percent'] },
    {
      releases: since('RHEL7'),
      of: '--percent',
      keeps: wholeNumber(0, 100),
      problem: 'is no percentage',
      hint: 'Write --percent=NUMBER, 0 to 100.',
    },
    { when: ['--resize'], needs: existing },
    { when: ['--resize'], needs: ['--size'] },
    { when: ['--cachesize'], needs: ['--cachepvs'] },
    { when: ['--cachemode'], needs: ['--cachepvs'] },
    { when: ['--cachepvs'], needs: ['--cachesize'] },
    { when: ['--cachepvs'], excludes: [...existing, '--thin'] },
    {
      of: '--cachemode',
      keeps: mode => ['', 'writeback', 'writethrough'].includes(mode),
      problem: 'is not one of its values',
      hint: 'Values: writeback, writethrough.',
    },
  ],
  'part partition': [
    { when: ['--resize'], needs: ['--onpart'] },
    { when: ['--resize'], needs: ['--size'] },
    { releases: since('RHEL7'), when: ['--fstype=tmpfs'], excludes: ['--grow', '--maxsize'] },
    {
      releases: since('RHEL8'),
      of: 0,
      keeps: mountPoint => !mountPoint.startsWith('btrfs.'),
      problem: 'is for btrfs, which this release does not make',
      hint: 'Take it out, or give the space to another file system.',
    },
  ],
  raid: [
    // Until names came with RHEL 7, an array was its number.
    {
      releases: ['RHEL6'],
      of: '--device',
      keeps: device => /^(md)?\d+$/.test(device),
      problem: 'is no number',
      hint: 'Write --device=md0, --device=md1 and so on.',
    },
    { needs: ['--level'], unless: existing },
    ...existing.map(option => ({ when: [option], of: '--device', ...notEmpty, hint: 'Write --device=NAME.' })),
  ],
  'logvol part partition raid': [
    { when: ['--mkfsoptions'], excludes: ['--noformat', '--fsprofile'] },
    { releases: since('RHEL8'), excludes: ['--fstype=btrfs'] },
  ],
  'autopart logvol part partition raid': [{ when: ['--pbkdf-time'], excludes: ['--pbkdf-iterations'] }],
  autopart: [
    { excludes: ['--fstype=btrfs'] },
    // Of --type and --nolvm, which is --type=plain, the last one counts.
    { when: ['--type=btrfs'], unless: ['--nolvm'], excludes: ['--fstype'] },
  ],
  btrfs: [
    { when: ['--subvol'], needs: ['--name'] },
    { when: ['--mkfsoptions'], excludes: existing },
  ],
  volgroup: [
    { of: '--reserved-space', keeps: wholeNumber(0, Infinity), problem: 'is no size', hint: 'Write the size in MiB, 0 or more.' },
    { of: '--reserved-percent', keeps: wholeNumber(1, 99), problem: 'is no percentage', hint: 'Write --reserved-percent=NUMBER, 1 to 99.' },
  ],
  mount: [
    {
      of: 1,
      keeps: mountPoint => mountPoint.startsWith('/') || mountPoint.toLowerCase() === 'none',
      problem: 'is no mount point',
      hint: 'Write mount DEVICE /PATH, or none for what is not mounted.',
    },
    { when: ['--mkfsoptions'], needs: ['--reformat'] },
  ],
  snapshot: [
    { of: 0, keeps: origin => /^[^/]+\/[^/]+$/.test(origin), problem: 'names no volume of a group', hint: 'Write snapshot GROUP/VOLUME.' },
  ],
  nvdimm: [
    {
      of: 0,
      keeps: action => ['reconfigure', 'use'].includes(action),
      problem: 'is not one of its actions',
      hint: 'Actions: reconfigure, use.',
    },
    { when: ['--namespace'], excludes: ['--blockdevs'] },
    { when: ['reconfigure'], needs: ['--namespace'] },
    { when: ['reconfigure'], needs: ['--sectorsize'] },
    { when: ['use'], needs: ['--namespace', '--blockdevs'] },
  ],
  zfcp: [
    { releases: since('RHEL9'), of: '--devnum', ...notEmpty, hint: 'Write --devnum=NUMBER.' },
    { releases: since('RHEL9'), when: ['--wwpn'], needs: ['--fcplun'] },
    { releases: since('RHEL9'), when: ['--fcplun'], needs: ['--wwpn'] },
  ],
  bootloader: [
    { of: '--boot-drive', keeps: drive => !drive.includes(','), problem: 'names several disks', hint: 'Name the one to boot from.' },
    { when: ['--sdboot'], excludes: ['--extlinux'] },
  ],
  network: [
    { when: ['--bridgeopts'], needs: ['--bridgeslaves'] },
    {
      of: '--bridgeopts',
      keeps: options => options === '' || options.split(',').every(option => /^[^=]*=[^=]+$/.test(option)),
      problem: 'is no list of KEY=VALUE',
      hint: 'Write --bridgeopts=KEY=VALUE,KEY=VALUE.',
    },
    { when: ['--bindto=mac', '--vlanid'], needs: ['--bondopts'] },
    {
      releases: ['RHEL7'],
      of: '--interfacename',
      keeps: interfaceName,
      problem: 'does not end in the number of a VLAN',
      hint: 'Write NAME, NAME.NUMBER or vlanNUMBER; the number is 0 to 4095.',
    },
  ],
  logging: [{ when: ['--port'], needs: ['--host'] }],
  rescue: [{ when: ['--nomount'], excludes: ['--romount'] }],
  eula: [{ needs: ['--agreed'] }],
  cmdline: [{ excludes: ['--non-interactive'] }],
  timezone: [{ when: ['--nontp'], excludes: ['--ntpservers'] }],
  'install upgrade': [{ of: '--root-device', ...notEmpty, hint: 'Write --root-device=DEVICE.' }],
  rhsm: [{ of: '--activation-key', ...notEmpty, hint: 'Write --activation-key=KEY.' }],
  ostreesetup: [
    { of: '--url', keeps: url => /^(file|https?):/.test(url), problem: 'is neither file nor HTTP', hint: 'Write file:, http: or https: before it.' },
  ],
  key: [{ unless: ['--skip'], line: /^.*$/, problem: 'has more than one number', hint: 'Write key NUMBER, or key --skip.' }],
  realm: [
    {
      line: /^join(\n--.+(\n(?!--).*)?)*\n(?!-).*$/,
      problem: 'does not join a realm: options come between the word join and the name',
      hint: 'Write realm join [options] NAME.',
    },
  ],
  '%packages': [{ when: ['--default'], excludes: ['--nobase', '--nocore'] }],
}
