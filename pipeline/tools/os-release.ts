/** Which distribution a system is, by its os-release (https://www.freedesktop.org/software/systemd/man/os-release.html). */

/** The second is a link to the first, where there is the first. */
export const osReleasePaths = ['/usr/lib/os-release', '/etc/os-release'] as const

/** `centos-7`, of the files' content by their paths. Pure. */
export function distributionOf(files: ReadonlyMap<string, Buffer>): string {
  const osRelease = osReleasePaths.map(path => files.get(path) ?? '').join('\n')
  const valueOf = (name: string) => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? ''
  return [valueOf('ID') || 'linux', valueOf('VERSION_ID')].filter(part => part !== '').join('-')
}
