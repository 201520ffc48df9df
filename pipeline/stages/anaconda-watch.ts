/** Watches Anaconda's console: an error screen or a question means that nobody will ever answer, so the VM can be ended. */

export interface Trouble {
  readonly kind: 'error' | 'question'
  /** The line that says it. */
  readonly line: string
}

/**
 * What Anaconda of RHEL 6 to 10, its dracut or its kernel print when they cannot go on alone. Only whole sentences of
 * theirs: packages and scripts print much that looks like an error.
 */
const signs: readonly (readonly [Trouble['kind'], RegExp])[] = [
  ['error', /Kernel panic - not syncing/],
  ['error', /Warning: (?:anaconda: )?failed to fetch (?:kickstart|stage2|.*squashfs)/i],
  ['error', /dracut-initqueue.*(?:Warning: Could not boot|could not boot)/],
  ['error', /Entering emergency mode|dracut Warning: (?:Could not boot|\/dev\/root does not exist)/],
  ['error', /^Traceback \(most recent call last\):/],
  ['error', /an (?:unknown error|unhandled exception) has occur+ed|anaconda \S+ exception report/i],
  ['error', /[Ii]nstallation was stopped due to|Non interactive installation failed:|The installer will now terminate/],
  ['error', /This is a fatal error and installation will be aborted|groups or modules are broken, the installation will be aborted/],
  ['error', /The following errors? (?:occurred (?:while installing|with your partitioning)|was found while parsing the kickstart configuration file)/],
  ['error', /The following problem occurred on line \d+ of the kickstart file/],
  ['error', /The following (?:mandatory spokes are not completed|software marked for installation has errors)/],
  ['error', /An error has occurred - no valid devices were found|There is a problem with your existing storage configuration/],
  ['error', /There was an error running the (?:kickstart|%\w+) script/],
  ['error', /\bError (?:parsing|in) (?:the )?kickstart|^Kickstart error/i],
  ['error', /^install(?:er)? exited abnormally|^Pane is dead|anaconda died after receiving signal|Failed to start .*anaconda/i],
  ['error', /Error (?:setting up (?:base|software) repository|downloading package metadata|checking software selection)/i],
  ['error', /Unable to (?:read package metadata|retrieve (?:https?|ftp):|download the kickstart file)|Error downloading kickstart file/],
  ['error', /(?:do(?:es)? not|don't) have enough (?:RAM|memory) to|requires .* of memory to install/i],
  ['error', /Not enough (?:free )?space (?:in file systems for|on disks)|Storage configuration (?:failed|error)|Could not (?:allocate requested partitions|set bootable disk)/i],
  ['error', /Unable to encrypt password: unsupported algorithm/],
  ['question', /Can't have a question in command ?line mode|Command line mode requires all choices to be specified|In interactive step can't continue/],
  ['question', /Please make (?:your choice|a selection) from|Please respond 'yes' or 'no'|Would you like to ignore this(?: \w+)? and continue/],
  ['question', /Should I try again to locate the image|Would you like to continue using this image/],
  ['question', /Press (?:\[?ENTER\]?|<?Return>?) to (?:continue|quit|exit|reboot)|<Tab>\/<Alt-Tab> between elements/i],
  ['question', /What language would you like to use|Choose a Language|Would you like to use VNC|Use text mode\?/],
  ['question', /^\s*(?:Password(?: \(confirm\))?|Passphrase)\s*:\s*$/],
]

/** How the pictures of a text screen begin and end: they are no part of the sentence. */
const frame = /[|│─┌┐└┘├┤+]{1,}[-─]*|^\s+|\s+$/g

/** The trouble that a line of the console speaks of; undefined when it speaks of none. Pure. */
export function troubleIn(line: string): Trouble | undefined {
  const text = line.replace(frame, ' ').replace(/\s+/g, ' ').trim()
  const found = signs.find(([, sign]) => sign.test(text))
  return found && { kind: found[0], line: text }
}

/** What explains comes after its headline, and sometimes before it. */
const before = 4
const most = 24

/** The lines around the first trouble, cleaned of escapes and repeated ones. Pure. */
export function explanation(lines: readonly string[]): readonly string[] {
  const at = lines.findIndex(line => troubleIn(line) !== undefined)
  const around = at < 0 ? lines.slice(-most) : lines.slice(Math.max(0, at - before), at - before + most)
  return around.filter((line, index) => line !== around[index - 1])
}
