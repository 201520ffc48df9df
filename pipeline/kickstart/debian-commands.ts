/** The commands that the debian family honours, with the options it honours of each. */
import type { WordTable } from './option-rules.js'

interface DebianCommand extends WordTable {
  /** May stand in the file more than once. */
  readonly many?: true
}

const partition: DebianCommand = {
  many: true,
  takes: [1, 1],
  options: {
    '--fstype --type': 'value ext4|xfs|vfat|efi|biosboot|swap',
    '--size': 'int',
    '--grow': 'flag',
    '--label': 'value',
    '--fsoptions': 'value',
    // Every partition of a GPT is a primary one.
    '--asprimary': 'flag',
  },
}

const password = { '--iscrypted': 'flag', '--plaintext': 'flag', '--lock': 'flag' } as const

export const debianCommands: Readonly<Record<string, DebianCommand>> = {
  lang: { takes: [1, 1], options: { '--addsupport': 'list' } },
  keyboard: {
    takes: [0, 1],
    options: { '--vckeymap': 'value', '--xlayouts': 'list', '--switch': 'list' },
  },
  timezone: {
    takes: [1, 1],
    options: { '--utc --isUtc': 'flag', '--nontp': 'flag', '--ntpservers': 'list' },
  },
  network: {
    many: true,
    options: {
      '--bootproto': 'value dhcp|static',
      '--device': 'value',
      '--ip': 'value',
      '--netmask': 'value',
      '--gateway': 'value',
      '--nameserver': 'list',
      '--hostname': 'value',
      '--mtu': 'int',
      '--activate': 'flag',
      '--onboot': 'boolean',
      '--noipv6': 'flag',
      '--nodns': 'flag',
      '--nodefroute': 'flag',
    },
  },
  rootpw: { takes: [0, 1], options: password },
  user: {
    many: true,
    options: {
      '--name': 'value required',
      '--groups': 'list',
      '--password': 'value',
      ...password,
      '--shell': 'value',
      '--homedir': 'value',
      '--uid': 'int',
      '--gid': 'int',
      '--gecos': 'value',
    },
  },
  sshkey: { many: true, takes: [1, 1], options: { '--username': 'value required' } },
  group: { many: true, options: { '--name': 'value required', '--gid': 'int' } },
  services: { many: true, options: { '--enabled': 'list', '--disabled': 'list' } },
  bootloader: { options: { '--append': 'value', '--timeout': 'int', '--location': 'value mbr|none' } },
  zerombr: {},
  clearpart: {
    options: { '--all': 'flag', '--none': 'flag', '--initlabel': 'flag', '--disklabel': 'value gpt' },
  },
  reqpart: { options: { '--add-boot': 'flag' } },
  part: partition,
  partition,
  autopart: {
    options: {
      '--type': 'value plain',
      '--fstype': 'value ext4|xfs',
      '--noboot': 'flag',
      '--nohome': 'flag',
      '--noswap': 'flag',
    },
  },
  firewall: {
    options: {
      '--enabled --enable': 'flag',
      '--disabled --disable': 'flag',
      '--port': 'list',
      '--service': 'list',
      '--remove-service': 'list',
      '--trust': 'list',
      '--ssh': 'flag',
      '--http': 'flag',
      '--ftp': 'flag',
      '--smtp': 'flag',
    },
  },
  url: { options: { '--url': 'value', '--mirrorlist': 'value' } },
  repo: {
    many: true,
    options: { '--name': 'value required', '--baseurl': 'value required', '--install': 'flag' },
  },
  // The builder VM ends after the installation whichever of these is written: QEMU runs with -no-reboot.
  poweroff: {},
  shutdown: {},
  reboot: {},
  halt: {},
  // True of every installation here: unattended, in text mode, onto an empty disk, without a first-boot wizard or SELinux.
  install: {},
  text: { options: { '--non-interactive': 'flag' } },
  cmdline: { options: { '--non-interactive': 'flag' } },
  skipx: {},
  eula: { options: { '--agreed --agree --accepted --accept': 'flag' } },
  firstboot: { options: { '--disabled --disable': 'flag required' } },
  selinux: { options: { '--disabled': 'flag required' } },
}
