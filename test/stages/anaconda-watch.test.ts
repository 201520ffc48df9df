/** What Anaconda prints when it cannot go on, in its own words, and what it prints while all is well. */
import t from 'tap'
import { explanation, troubleIn } from '../../pipeline/stages/anaconda-watch.js'

const troubles: Readonly<Record<string, 'error' | 'question'>> = {
  '[    4.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)': 'error',
  '[   21.4] dracut-initqueue[512]: Warning: anaconda: failed to fetch kickstart from http://10.0.2.2:8431/ks.cfg': 'error',
  'Entering emergency mode. Exit the shell to continue.': 'error',
  'Traceback (most recent call last):': 'error',
  'anaconda 21.48.22.159-1 exception report': 'error',
  'An unknown error has occured, look at the /tmp/anaconda-tb* file(s) for more details': 'error',
  'The installation was stopped due to an error which occurred while running in non-interactive cmdline mode. Since there cannot be any': 'error',
  'The installation was stopped due to incomplete spokes detected while running in non-interactive cmdline mode.': 'error',
  'The following error occurred while installing.  This is a fatal error and installation will be aborted.': 'error',
  'The following problem occurred on line 12 of the kickstart file:': 'error',
  'There was an error running the kickstart script at line 29.  This is a fatal error and installation will be aborted.': 'error',
  'install exited abnormally [1/1]': 'error',
  'Pane is dead': 'error',
  'Error setting up base repository': 'error',
  '  |  Unable to read package metadata. This may be due to a missing repodata directory.  |': 'error',
  'Unable to download the kickstart file.  Please modify the kickstart parameter below': 'error',
  "Can't have a question in command line mode!": 'question',
  "In interactive step can't continue. (Partitioning)": 'question',
  "  Please make your choice from above ['q' to quit | 'b' to begin installation | 'r' to refresh]: ": 'question',
  "Please respond 'yes' or 'no': ": 'question',
  'Would you like to ignore this package and continue with installation?': 'question',
  'Press ENTER to continue: ': 'question',
  'Password: ': 'question',
  '  <Tab>/<Alt-Tab> between elements   |  <Space> selects  |  <F12> next screen ': 'question',
}

const quiet = [
  'Starting installer, one moment...',
  'anaconda 21.48.22.159-1 for CentOS 7 started.',
  ' * installation log files are stored in /tmp during the installation',
  ' * if the graphical installation interface fails to start, try again with the inst.text bootoption to start text installation',
  ' * when reporting a bug add logs from /tmp as separate text/plain attachments',
  "[   12.0] dracut-initqueue[512]: Warning: can't find installer main image path in .treeinfo",
  '[    9.3] dracut-initqueue[512]: mount: /dev/sr0 is write-protected, mounting read-only',
  '1) [x] Language settings                 2) [x] Time settings',
  'Installing libgpg-error (57/301)',
  'Installing perl-Error (58/301)',
  'Performing post-installation setup tasks',
  'Running post-installation scripts',
  '[anaconda] 1:main* 2:shell  3:log  4:storage-lo> Switch tab: Alt+Tab | Help: F1',
  'PIPELINE install done',
  'Created symlink from /etc/systemd/system/emergency.target.wants/x.service',
]

/**
 * The last lines of a console by generation, written after each one's own sources: how an installation that cannot go on
 * looks there, and by which line it is noticed.
 */
const consoles: Readonly<Record<string, readonly [noticed: string, kind: 'error' | 'question', ...lines: string[]]>> = {
  '6, a step that is not in the kickstart': [
    "In interactive step can't continue. (parttype)", 'question',
    'Finding storage devices', 'In progress...', 'Completed', 'Traceback', "In interactive step can't continue. (parttype)", 'install exited abnormally [1/1]',
  ],
  '6, a disk that would have to be erased': [
    'Command line mode requires all choices to be specified in a kickstart configuration file.', 'question',
    'Examining storage devices', '(Storage Device Warning)', 'Command line mode requires all choices to be specified in a kickstart configuration file.',
  ],
  '6, a kickstart with a mistake': [
    'The following error was found while parsing the kickstart configuration file:', 'error',
    'Running anaconda 13.21.263, the CentOS system installer - please wait.',
    'The following error was found while parsing the kickstart configuration file:', '', 'The following problem occurred on line 8 of the kickstart file:',
  ],
  '6, too little memory': [
    'You do not have enough RAM to install CentOS on this machine.', 'error',
    '+---------+ Fatal Error +---------+', '| You do not have enough RAM to install CentOS on this machine. |', '| Press <return> to reboot your system. |',
  ],
  '6, no packages at the address': [
    'Unable to retrieve http://vault.example/6.10/os/images/install.img.', 'error',
    'Welcome to CentOS for x86_64', '   | Unable to retrieve http://vault.example/6.10/os/images/install.img. |',
  ],
  '7, a kickstart that does not say it all': [
    'The installation was stopped due to incomplete spokes detected while running in non-interactive cmdline mode. Since there cannot be any questions', 'error',
    'Starting automated install........', 'Checking software selection',
    'The installation was stopped due to incomplete spokes detected while running in non-interactive cmdline mode. Since there cannot be any questions',
    'The exact error message is: ', '', 'The following mandatory spokes are not completed:', 'Installation Destination.',
  ],
  '7, a fault of its own': [
    'An unknown error has occured, look at the /tmp/anaconda-tb* file(s) for more details', 'error',
    'Setting up the installation environment', 'An unknown error has occured, look at the /tmp/anaconda-tb* file(s) for more details',
    '================================================================================', 'Unknown Error', ' 1) Report Bug', ' 2) Debug',
  ],
  '8, packages that do not go together': [
    'Some packages, groups or modules are broken, the installation will be aborted.', 'error',
    'Problems in request:', 'broken packages: x', 'Some packages, groups or modules are broken, the installation will be aborted.',
  ],
  '8, a package that is not there': [
    'Would you like to ignore this and continue with installation?', 'question',
    'Problems in request:', 'missing packages: no-such-package', 'Would you like to ignore this and continue with installation?',
  ],
  '9, a script that fails': [
    'The installation was stopped due to an error which occurred while running in non-interactive cmdline mode.', 'error',
    'Running post-installation scripts', '.', 'The installation was stopped due to an error which occurred while running in non-interactive cmdline mode.',
    'Non interactive installation failed: There was an error running the kickstart script at line 40.',
  ],
  '9, no kickstart at the address': [
    '[ 12.1] dracut-initqueue[812]: Warning: anaconda: failed to fetch kickstart from http://10.0.2.2:8431/ks.cfg', 'error',
    '[ 12.0] dracut-initqueue[812]: curl: (22) The requested URL returned error: 404',
    '[ 12.1] dracut-initqueue[812]: Warning: anaconda: failed to fetch kickstart from http://10.0.2.2:8431/ks.cfg',
  ],
  '10, no room on the disk': [
    'Non interactive installation failed: Not enough space in file systems for the current software selection. An additional 1.2 GiB is needed.', 'error',
    'Starting automated install.', 'Non interactive installation failed: Not enough space in file systems for the current software selection. An additional 1.2 GiB is needed.',
  ],
  '10, the hub of text mode': [
    "Please make a selection from the above ['b' to begin installation, 'q' to quit, 'r' to refresh]:", 'question',
    '1) [x] Language settings                 2) [!] Installation Destination', "Please make a selection from the above ['b' to begin installation, 'q' to quit, 'r' to refresh]: ",
  ],
}

for (const [what, [noticed, kind, ...lines]] of Object.entries(consoles)) {
  t.test(`a console of Anaconda ${what}`, async t => {
    t.same(lines.map(troubleIn).find(found => found !== undefined), { kind, line: noticed })
  })
}

t.test('what packages and scripts print is no trouble of the installer, whatever it speaks of', async t => {
  const harmless = [
    'error: this script found an error and went on', 'ERROR: 0 errors', 'An error occurred while installing nokogiri (1.6), and Bundler cannot continue.',
    'The following error occurred in the log: none', 'there were no errors in the kickstart of this node', 'Not enough space left for a second copy, using one',
    'warning: /etc/sysctl.conf created as /etc/sysctl.conf.rpmnew', 'Unable to retrieve metadata of the optional plugin', 'worker exited abnormally, restarted',
    'Job for kdump.service failed because the control process exited with error code.', 'curl: (22) The requested URL returned error: 404',
    '/usr/sbin/semodule: failed, retrying', 'Failed to start nothing', 'fatal: not a git repository', 'Password: ********', 'Installing perl-Exception-Class (88/301)',
    'PIPELINE install: Traceback of the build', 'Please make sure that the network is up', 'Would you like a newer version? See the manual.',
  ]
  for (const line of harmless) t.equal(troubleIn(line), undefined, line)
})

t.test('its errors and its questions are told apart', async t => {
  for (const [line, kind] of Object.entries(troubles)) t.equal(troubleIn(line)?.kind, kind, line)
})

t.test('an installation that goes well says nothing of the kind', async t => {
  for (const line of quiet) t.equal(troubleIn(line), undefined, line)
})

t.test('the frame of a text screen is no part of what is said', async t => {
  t.same(troubleIn('   │ Error setting up base   repository │  '), { kind: 'error', line: 'Error setting up base repository' })
})

t.test('the explanation begins a little before the trouble and goes on after it, repeated lines once', async t => {
  const lines = ['a', 'b', 'c', 'd', 'e', 'Traceback (most recent call last):', '  File "x", line 1', '  File "x", line 1', 'ValueError: no disks']
  t.same(explanation(lines), ['b', 'c', 'd', 'e', 'Traceback (most recent call last):', '  File "x", line 1', 'ValueError: no disks'])
  t.same(explanation(['only', 'this']), ['only', 'this'], 'without a trouble, the last lines')
})
