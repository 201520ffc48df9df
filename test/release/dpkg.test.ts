import t from 'tap'
import { parseCopyright, parseDpkgStatus, spdxIdOf } from '../../pipeline/release/dpkg.js'

const status = `Package: zlib1g
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: zlib (1:1.3)
Version: 1:1.3.dfsg+really1.3.1-1+b1
Description: compression library - runtime
 zlib is a library. Package: not a field
Homepage: http://zlib.net/

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: half
Status: install reinstreq half-installed
Architecture: amd64
Version: 1

Package: adduser
Status: install ok installed
Architecture: all
Version: 3.152
Conffiles:
 /etc/deluser.conf 3e2e4c6f1ae9cbf5f5d1ac0b9b1ebf8c
 /etc/adduser.conf obsolete
Description: add and remove users and groups
`

t.test('reads the installed packages of a dpkg status, by name', t => {
  t.same(parseDpkgStatus(status), [
    { name: 'adduser', version: '3.152', architecture: 'all', summary: 'add and remove users and groups', licences: [] },
    {
      name: 'zlib1g', version: '1:1.3.dfsg+really1.3.1-1+b1', architecture: 'amd64', summary: 'compression library - runtime',
      homepage: 'http://zlib.net/', source: 'zlib', licences: [],
    },
  ])
  t.same(parseDpkgStatus(''), [])
  t.end()
})

t.test('takes licences from machine-readable copyright files only, each once', t => {
  const copyright = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2020 A
License: GPL-2+
 Some text. License: none

Files: debian/*
License: Expat

License: GPL-2+
 On Debian systems ...
`
  t.same(parseCopyright(copyright), ['Expat', 'GPL-2+'])
  t.same(parseCopyright('This package was debianized by somebody.\nLicense: GPL\n'), [])
  t.end()
})

t.test("writes Debian's names of licences as SPDX does", t => {
  const table: Record<string, string | undefined> = {
    'GPL-2': 'GPL-2.0-only', 'GPL-2+': 'GPL-2.0-or-later', 'GPL-3.0+': 'GPL-3.0-or-later', 'LGPL-2.1+': 'LGPL-2.1-or-later', 'AGPL-3': 'AGPL-3.0-only',
    'GFDL-1.3': 'GFDL-1.3-only', 'GFDL-NIV-1.3+': 'GFDL-1.3-no-invariants-or-later', Expat: 'MIT', 'BSD-3-clause': 'BSD-3-Clause', 'Apache-2': 'Apache-2.0',
    'public-domain': undefined, 'GPL-2 or MIT': undefined, GPL: undefined, 'BSD-3-Clause': undefined,
  }
  for (const [name, id] of Object.entries(table)) t.equal(spdxIdOf(name), id, name)
  t.end()
})
