/** Names of distributions, as their os-release has them. */
import t from 'tap'
import { distributionOf } from '../../pipeline/tools/os-release.js'

const named = (text: string) => distributionOf(new Map([['/etc/os-release', Buffer.from(text)]]))

t.test('names the distribution as os-release does', async t => {
  t.equal(named('NAME="CentOS Linux"\nID="centos"\nID_LIKE="rhel fedora"\nVERSION_ID="7"\n'), 'centos-7')
  t.equal(named('ID=fedora\nVERSION_ID=42\n'), 'fedora-42')
  t.equal(distributionOf(new Map()), 'linux')
})
