/** Names of releases as users write them. */
import t from 'tap'
import { releaseNamed } from '../../pipeline/kickstart/releases.js'

const table: Readonly<Record<string, string | undefined>> = {
  RHEL7: 'RHEL7', rhel10: 'RHEL10', 6: 'RHEL6', '7.9': 'RHEL7', '9.4': 'RHEL9',
  5: undefined, 11: undefined, seven: undefined, '': undefined, 'RHEL 7': undefined, '7.9.2009': undefined,
}

for (const [text, wanted] of Object.entries(table)) t.equal(releaseNamed(text), wanted, JSON.stringify(text))
