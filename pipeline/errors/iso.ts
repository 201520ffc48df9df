/** Catalogue: what can be wrong with an installer's medium, the one that is taken and the one that is made. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

/** The golden disk holds no kernel, or no initramfs of Debian's kind. */
export function goldenWithoutSystem(disk: string): PipelineError {
  return new PipelineError({
    code: 'golden-without-system',
    message: `The disk ${disk} has no /boot/vmlinuz-* or no /boot/initrd.img-* to start an installer with.`,
    hint: 'take a disk that passed the audit: pipeline build APPLIANCE --until audit',
    exitCode: exitCodes.stage,
  })
}

/** The installer of an appliance of the debian family brings everything along anyway. */
export function bundleNeedless(name: string): PipelineError {
  return new PipelineError({
    code: 'bundle-needless',
    message: `--bundle is for installers of the el family: that of ${name} holds all packages already.`,
    hint: 'leave --bundle out',
    exitCode: exitCodes.usage,
  })
}

export function isoFromTree(url: string): PipelineError {
  return new PipelineError({
    code: 'iso-from-tree',
    message: `el.installerUrl ${url} is no ISO.`,
    hint: 'name a boot ISO: --set el.installerUrl=FILE.iso --set el.installerSha256=DIGEST',
    exitCode: exitCodes.usage,
  })
}

export function diskRuleMissing(): PipelineError {
  return new PipelineError({
    code: 'disk-rule-missing',
    message: '--unattended needs to know which disk it may erase.',
    hint: 'add --disk only, --disk smallest, or --disk NAME of /dev/disk/by-id',
    exitCode: exitCodes.usage,
  })
}

export function diskRuleWrong(rule: string): PipelineError {
  return new PipelineError({
    code: 'disk-rule-wrong',
    message: `--disk ${rule} is no rule for one disk.`,
    hint: 'write only, smallest, or a name of /dev/disk/by-id such as ata-QEMU_HARDDISK_QM00001',
    exitCode: exitCodes.usage,
  })
}

export function installerUnreadable(path: string, cause: NodeJS.ErrnoException): PipelineError {
  return new PipelineError({
    code: 'installer-unreadable',
    message: `Could not read the installer's ISO ${path}: ${cause.code ?? cause.message}.`,
    hint: `look at it: ls -l ${path}`,
    exitCode: exitCodes.usage,
    cause,
  })
}

/** @param reason `HTTP 404`, `ENOTFOUND` */
export function installerUnreachable(url: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'installer-unreachable',
    message: `The installer's ISO could not be fetched: ${url}: ${reason}.`,
    hint: 'name a copy: --set el.installerUrl=FILE.iso, or a mirror of all addresses: --set el.mirror=URL',
    exitCode: exitCodes.stage,
  })
}

export function installerChanged(source: string, wanted: string, found: string): PipelineError {
  return new PipelineError({
    code: 'installer-changed',
    message: `The installer's ISO ${source} is not the one that was meant: its SHA-256 is ${found}, not ${wanted}.`,
    hint: 'fetch it again, or give its digest from a source you trust: --set el.installerSha256=DIGEST',
    exitCode: exitCodes.usage,
  })
}

/** @param lacking a path on the ISO */
export function installerForeign(source: string, lacking: string): PipelineError {
  return new PipelineError({
    code: 'installer-foreign',
    message: `The ISO ${source} is no boot ISO of the el family: it has no ${lacking}.`,
    hint: 'take a minimal, DVD or netinstall ISO of the release',
    exitCode: exitCodes.usage,
  })
}

export function installerOfOtherRelease(source: string, found: string, wanted: string): PipelineError {
  return new PipelineError({
    code: 'installer-of-other-release',
    message: `The installer ${source} is of release ${found}, and the appliance is of ${wanted}.`,
    hint: `take one of ${wanted}`,
    exitCode: exitCodes.usage,
  })
}

/** MiB that media hold, smallest first. */
const media: Readonly<Record<string, number>> = {
  'a CD': 700,
  'a DVD': 4482,
  'a DVD of two layers': 8147,
  'a stick of 16 GB': 15258,
  'a stick of 32 GB': 30517,
  'a stick of 64 GB': 61035,
}

function nextMedium(mib: number): string {
  const [name, holds] = Object.entries(media).find(([, each]) => each >= mib) ?? []
  return name === undefined ? 'no usual medium is that large' : `the next usual medium is ${name}: --fit ${holds}`
}

/** Before anything was written. @param mib what will be on it at least */
export function isoWillNotFit(mib: number, limitMib: number): PipelineError {
  return new PipelineError({
    code: 'iso-will-not-fit',
    message: `The installer will have at least ${mib} MiB, and the medium holds ${limitMib} MiB.`,
    hint: nextMedium(mib),
    exitCode: exitCodes.usage,
  })
}

export function isoTooLarge(mib: number, limitMib: number): PipelineError {
  return new PipelineError({
    code: 'iso-too-large',
    message: `The installer has ${mib} MiB, and the medium holds ${limitMib} MiB.`,
    hint: nextMedium(mib),
    exitCode: exitCodes.stage,
  })
}
