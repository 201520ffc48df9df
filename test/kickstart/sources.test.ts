/** url and repo. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

t.test("sets the image's mirror, or its list of mirrors", async t => {
  const lines = (text: string) =>
    stepLines(compile(`${text}\n${leastKickstart}`), 'set the package mirror')
  t.same(lines('url --url=https://mirror.example/debian'), ['use_mirror https://mirror.example/debian'])
  t.same(lines('url --mirrorlist=https://mirror.example/list'), [
    'use_mirror mirror+https://mirror.example/list',
  ])
})

t.test('adds a repository to the image', async t => {
  const { files } = compile(
    `repo --install --name=extra --baseurl='[signed-by=/usr/share/keyrings/x.gpg] https://mirror.example/extra trixie main'\n${leastKickstart}`
  )
  t.equal(
    files['system/etc/apt/sources.list.d/extra.list'],
    'deb [signed-by=/usr/share/keyrings/x.gpg] https://mirror.example/extra trixie main\n'
  )
  t.equal(
    compileFailure(
      `repo --install --name=flat --baseurl='https://mirror.example/flat ./'\n${leastKickstart}`
    ),
    'no error'
  )
})

const wrong: Readonly<Record<string, string>> = {
  'url': 'url needs one of --url and --mirrorlist. (Write url --url=https://mirror.example/debian.)',
  'url --url=mirror.example':
    '--url=mirror.example is no address. (Write it like https://mirror.example/debian.)',
  'url --url=https://me:secret@mirror.example/debian':
    '--url has a user name in its address, and every copy of the image would have it. (Take the part before @ out.)',
  'url --url=https://mirror.example/debian --proxy=http://p.example':
    'the debian family cannot honour "url --proxy". (Options of url it honours: --url, --mirrorlist.)',
  "repo --name=x --baseurl='https://mirror.example/x trixie main'":
    'the debian family cannot honour "repo without --install". (A repository is written into the image and not installed from: add --install.)',
  'repo --install --name=x --baseurl=https://mirror.example/x': `--baseurl="https://mirror.example/x" names no suite. (Write it as apt does: --baseurl='https://mirror.example/debian trixie main'.)`,
  "repo --install --name=a/b --baseurl='https://mirror.example/x trixie main'":
    '--name=a/b is no file name. (Use letters, digits, dots and dashes.)',
}

for (const [line, error] of Object.entries(wrong)) {
  t.test(`refuses ${line}`, async t =>
    t.equal(compileFailure(`${line}\n${leastKickstart}`), `error: box/box.ks:1: ${error}`)
  )
}
