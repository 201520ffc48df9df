/** Writes the install script: fixed functions, then the compiled steps, each named before it runs. */
import { shellLine } from './area.js'
import type { Step } from './area.js'
import { prelude } from './install-functions.js'

export interface InstallScriptInput {
  /** The kickstart's name, for the script's first lines. */
  readonly kickstart: string
  /** Seconds since 1970; undefined: the date of the media's package list. */
  readonly sourceDateEpoch: number | undefined
  readonly steps: readonly Step[]
}

/** The whole script, for `bash /run/kickstart/install.sh` as root in the builder VM. */
export function installScript({ kickstart, sourceDateEpoch, steps }: InstallScriptInput): string {
  const start = `${kickstart}:1`
  const head = prelude.replace('@KICKSTART@', () => kickstart).replace('@PLACE@', () => shellLine(start))
  const body = steps.map(step =>
    [shellLine('step', step.place, step.what), ...step.lines, ''].join('\n')
  )
  const epoch =
    sourceDateEpoch === undefined
      ? 'epoch=$(stat -c %Y /var/lib/dpkg/status)'
      : `epoch=${sourceDateEpoch}`
  return [
    head,
    `${epoch}\nexport SOURCE_DATE_EPOCH=$epoch\n`,
    ...body,
    shellLine('step', start, 'settle the installed system'),
    ending,
  ].join('\n')
}

/** The copy of the running system; its place is what %packages says. */
export const copyLines: readonly string[] = ['copy_system', 'enter_target']

const ending = String.raw`# Every copy makes its own identity when it first starts.
: >"$target/etc/machine-id"
rm -f "$target"/etc/ssh/ssh_host_* "$target/var/lib/systemd/random-seed"
if [ -f "$target/var/lib/dbus/machine-id" ]; then
  ln -sfn /etc/machine-id "$target/var/lib/dbus/machine-id"
fi
if [ -e "$target/usr/lib/systemd/system/ssh.service" ]; then
  put_file 0644 etc/systemd/system/ssh.service.d/host-keys.conf
fi
leave_target
# Files written just now get the date of the sources, so that two builds differ less.
find "$target" -newermt "@$epoch" -exec touch --no-dereference --date="@$epoch" {} +
umount --recursive "$target"
sync
echo 'PIPELINE install done'
`

/**
 * Debian makes host keys when the package is installed, or where the machine id is unknown; a copy of this image is
 * neither, and sshd -t fails without them. A key gets its name when it is whole, for the power may fail at any time.
 * No RSA key: it takes seconds to make, and only old clients want it.
 */
export const hostKeysUnit = `# Host keys are not part of the image: each copy makes its own when ssh first starts.
[Service]
ExecStartPre=
ExecStartPre=/bin/sh -c 'for type in ed25519 ecdsa; do key=/etc/ssh/ssh_host_$\${type}_key; test -s $$key || { rm -f $$key.new* && ssh-keygen -q -t $$type -N "" -f $$key.new && mv $$key.new.pub $$key.pub && mv $$key.new $$key; }; done'
ExecStartPre=/usr/sbin/sshd -t
`
