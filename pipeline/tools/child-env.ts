/** The small fixed environment of every child: nothing of the caller's that a build could silently depend on. */

type Environment = Readonly<Record<string, string | undefined>>

/** Passed on as they are. No AWS_*, no tokens: a child that needs a credential gets it by name. */
const passed = [
  'HOME', 'TMPDIR', 'USER', 'LOGNAME',
  'http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy',
  'HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'ALL_PROXY', 'NO_PROXY',
  'SSL_CERT_FILE', 'SSL_CERT_DIR', 'CURL_CA_BUNDLE', 'REQUESTS_CA_BUNDLE', 'NODE_EXTRA_CA_CERTS',
] as const

const defaultPath = '/usr/local/bin:/usr/bin:/bin'

/** mke2fs, sfdisk and debugfs live here; Debian leaves it out of a user's PATH. */
const systemFolders = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** The environment of a child; `added` (the command's own) wins. */
export function childEnvironment(parent: Environment, added: Environment = {}): Record<string, string> {
  const chosen: Environment = {
    ...Object.fromEntries(passed.map(name => [name, parent[name]])),
    PATH: childPath(parent),
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
    ...added,
  }
  return Object.fromEntries(
    Object.entries(chosen).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  )
}

/** The caller's PATH, with the folders of system programs at its end. */
export function childPath(parent: Environment): string {
  const folders = (parent['PATH'] || defaultPath).split(':').filter(folder => folder.startsWith('/'))
  return [...folders, ...systemFolders.filter(folder => !folders.includes(folder))].join(':')
}
