/** Compiles the boot loader: GRUB for BIOS and for UEFI on the same disk. */
import { kickstartRule, kickstartValue } from '../errors/kickstart.js'
import { shellLine, systemFile } from './area.js'
import type { Area, AreaContext, ImpliedPackage } from './area.js'
import { named } from './read-commands.js'
import type { Commands } from './read-commands.js'
import type { Layout, Partition } from './layout.js'
import { formatPlace } from './types.js'

const defaultTimeoutSeconds = 5

/** `bootloader --append`, or nothing. */
export function kernelArgumentsOf(commands: Commands): string {
  return named(commands, 'bootloader')[0]?.values.value('--append') ?? ''
}

/** One GRUB for each firmware that the layout has a partition for; --location=none: no boot loader. */
export function compileBootloader(
  commands: Commands,
  layout: Layout,
  context: AreaContext & { readonly file: string }
): Area {
  const [command] = named(commands, 'bootloader')
  if (command?.values.value('--location') === 'none') return {}
  const place = command?.place ?? { file: context.file, line: 1 }
  const bios = layout.partitions.some(part => part.fileSystem === 'biosboot')
  const esp = layout.partitions.find(part => part.fileSystem === 'efi')
  if (!bios && !esp) {
    const problem =
      'the boot loader has no place: there is neither a BIOS boot partition nor an EFI system partition'
    return {
      problems: [
        kickstartRule(formatPlace(place), problem, 'Add reqpart, or write bootloader --location=none.'),
      ],
    }
  }
  const seconds = command?.values.number('--timeout') ?? defaultTimeoutSeconds
  const problems =
    seconds < 0
      ? [
          kickstartValue(
            formatPlace(place),
            `--timeout=${seconds} is no time`,
            'Write the seconds, 0 or more.'
          ),
        ]
      : []
  const { files, line } = systemFile(
    'etc/default/grub.d/pipeline.cfg',
    grubDefaults(kernelArgumentsOf(commands), seconds)
  )
  const lines = [
    line,
    // No udev runs here, and without these links update-grub writes root=/dev/vdb3 instead of the UUID.
    ...layout.partitions
      .filter(part => part.fileSystemUuid)
      .map(part => `link_uuid "$(partition ${part.number})" ${part.fileSystemUuid}`),
    ...(bios ? ['in_target grub-install --target=i386-pc "$disk"'] : []),
    ...(esp
      ? [
          shellLine(
            'in_target',
            'grub-install',
            '--target=x86_64-efi',
            `--efi-directory=${esp.mountPoint}`,
            '--removable',
            '--no-nvram',
            '--no-uefi-secure-boot'
          ),
        ]
      : []),
    'in_target update-grub',
    `require_root_by_uuid ${rootUuid(layout)}`,
  ]
  return {
    problems,
    files,
    steps: [{ place: context.shownPlace(place), what: 'install the boot loader', lines }],
    needs: grubPackages(bios, esp),
  }
}

function rootUuid(layout: Layout): string {
  return layout.partitions.find(part => part.mountPoint === '/')?.fileSystemUuid ?? ''
}

function grubDefaults(kernelArguments: string, seconds: number): string {
  const serial = /(?:^|\s)console=ttyS(\d+)(?:,(\d+))?/.exec(kernelArguments)
  const terminal = serial
    ? [
        `GRUB_TERMINAL='console serial'`,
        `GRUB_SERIAL_COMMAND='serial --unit=${serial[1]} --speed=${serial[2] ?? '9600'}'`,
      ]
    : []
  return [
    "# Written by the installer, from the kickstart's bootloader command.",
    `GRUB_DISTRIBUTOR='Debian'`,
    `GRUB_TIMEOUT=${seconds}`,
    `GRUB_CMDLINE_LINUX_DEFAULT=''`,
    // A file of shell assignments, so its value is quoted for a shell.
    `GRUB_CMDLINE_LINUX='${kernelArguments.replaceAll("'", `'\\''`)}'`,
    ...terminal,
    'GRUB_DISABLE_OS_PROBER=true',
    '',
  ].join('\n')
}

function grubPackages(bios: boolean, esp: Partition | undefined): ImpliedPackage[] {
  return [
    { name: 'grub2-common', reason: 'installs the boot loader' },
    ...(bios ? [{ name: 'grub-pc-bin', reason: 'boots by BIOS' }] : []),
    ...(esp ? [{ name: 'grub-efi-amd64-bin', reason: 'boots by UEFI' }] : []),
  ]
}
