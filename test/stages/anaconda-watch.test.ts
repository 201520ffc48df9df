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
