/** Kickstart files as users have them: for which release, with files of the installation's own, strictly or not. */
import t from 'tap'
import { formatError, PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { reviewFile } from '../../pipeline/kickstart/review-file.js'
import type { ReviewOptions } from '../../pipeline/kickstart/review-file.js'

const missing = () => {
  throw Object.assign(new Error('gone'), { code: 'ENOENT' })
}

function review(text: string, options: Partial<ReviewOptions> = {}) {
  try {
    return reviewFile(text, { file: 'x.ks', readInclude: missing, ...options })
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error)
    throw error
  }
}

const least = 'rootpw --lock\nbootloader\n'

t.test('takes the release from the user, else from the file', async t => {
  t.same(review(least, { release: '6' }), 'error: x.ks:1: rootpw takes one argument besides options, and this line has none. (Put a value with blanks in quotes.)')
  t.same(review(`#version=RHEL8\n${least}`), { release: 'RHEL8', warnings: [] })
  t.same(review(`#version=RHEL8\n${least}`, { release: 'RHEL9' }), { release: 'RHEL9', warnings: [] })
  t.same(review(least, { release: '7.9' }), { release: 'RHEL7', warnings: [] })
})

t.test('asks for a release that nobody said, and names those it knows', async t => {
  t.equal(
    review(least),
    'error: x.ks: for which release? The file does not say it. (Add --release N, or a line #version=RELEASE to the file. Releases: RHEL6, RHEL7, RHEL8, RHEL9, RHEL10.)'
  )
  t.equal(review(least, { release: 'RHEL5' }), 'error: --release: there are no rules for the release "RHEL5". (Did you mean "RHEL6"?)')
  t.equal(
    review(`text\n#version=DEVEL\n${least}`),
    'error: x.ks:2: there are no rules for the release "DEVEL". (Releases: RHEL6, RHEL7, RHEL8, RHEL9, RHEL10.)'
  )
})

t.test('keeps files that only the installer will find, in sections too; a relative one must be here', async t => {
  const text = `${least}%include /tmp/disk.ks\n%include http://192.0.2.1/x.ks\n%packages\n%include /tmp/list\n%end\n`
  t.same(review(text, { release: '7' }), { release: 'RHEL7', warnings: [] })
  t.equal(
    review(`${least}%include parts/disk.ks\n`, { release: '7' }),
    'error: x.ks:3: could not read the included file parts/disk.ks: ENOENT. (Included files are read before anything runs: one that %pre would write cannot be included.)'
  )
})

t.test('keeps what the installer appends, wherever it lies; without a path there is nothing to append', async t => {
  const text = `${least}%ksappend http://192.0.2.1/x.ks\n%ksappend parts/disk.ks\n%pre\n%ksappend /run/install/repo/pre.sh\n%end\n`
  t.same(review(text, { release: '7' }), { release: 'RHEL7', warnings: [] })
  t.same(review('%ksappend http://192.0.2.1/x.ks\n', { release: '10' }), { release: 'RHEL10', warnings: [] }, 'it may hold all else')
  t.equal(
    review(`${least}%ksappend\n`, { release: '7' }),
    'error: x.ks:3: %ksappend names no file. (Write %ksappend <address>: the installer fetches it from there.)'
  )
})

t.test('tells what cannot be read and what the release refuses at once', async t => {
  t.equal(
    review('rootpv --lock\nbootloader --boot-drive=sda\n%post\n', { release: '6' }),
    'error: 3 problems:\n' +
      '  x.ks:1: there is no command "rootpv". (Did you mean "rootpw"?)\n' +
      '  x.ks:3: %post has no %end. (Close the section with a line %end.)\n' +
      '  x.ks:2: bootloader of RHEL6 has no option "--boot-drive". (Options: --append, --default, --driveorder, --iscrypted, --lba32, --location, --md5pass, --password, --timeout, --upgrade.)'
  )
})

t.test('a warning is refused only where it is asked to be', async t => {
  const text = 'rootpw secret\nbootloader\ninstall\n'
  t.same(review(text, { release: '8' }), {
    release: 'RHEL8',
    warnings: [
      'x.ks:3: install no longer has an effect in RHEL8',
      'x.ks:1: rootpw holds a password in plain text (--iscrypted takes its hash)',
    ],
  })
  t.equal(
    review(text, { release: '8', strict: true }),
    'error: 2 problems:\n' +
      '  x.ks:3: install no longer has an effect in RHEL8. (Without --strict this is a warning.)\n' +
      '  x.ks:1: rootpw holds a password in plain text (--iscrypted takes its hash). (Without --strict this is a warning.)'
  )
})
