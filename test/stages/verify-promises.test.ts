/** What every booted appliance promises of its accounts. */
import t from 'tap'
import type { Guest } from '../../pipeline/stages/guest.js'
import { pagePromises } from '../../pipeline/stages/verify-promises.js'

/** Only what the promise looks at; each script that ran is in `scripts`. */
function guest({ account, people, sudo = 'root' }: { account?: string; people: string; sudo?: string }) {
  const scripts: string[] = []
  const shell = {
    asRoot: async (script: string) => (scripts.push(script), script.startsWith('awk') ? people : ''),
    as: async (user: string, script: string) => (scripts.push(`${user}: ${script}`), `${sudo}\n`),
  }
  return { scripts, guest: { account, shell, visitKey: 'ssh-ed25519 AAAA visit', credentials: { user: 'evc' } } as unknown as Guest }
}

const promise = async (of: Guest) => await pagePromises['accounts of people']?.(of)

t.test('without a marker the owner is alone', async t => {
  t.equal(await promise(guest({ people: 'evc\n' }).guest), 'evc alone')
  await t.rejects(promise(guest({ people: 'evc\nvagrant\n' }).guest), { code: 'promise-broken', message: 'There are the accounts evc, vagrant, not evc.' })
})

t.test('with its marker there is one more, who comes in by key and whom sudo asks nothing', async t => {
  const { guest: box, scripts } = guest({ account: 'vagrant', people: 'vagrant\nevc\n' })
  t.equal(await promise(box), 'evc, vagrant; vagrant comes in by key, and sudo asks it nothing')
  t.same(scripts.slice(1), [
    "cmp ~vagrant/.ssh/authorized_keys /usr/lib/evc/vagrant.pub; echo 'ssh-ed25519 AAAA visit' >>~vagrant/.ssh/authorized_keys",
    'vagrant: sudo -k -n whoami',
  ])
  await t.rejects(promise(guest({ account: 'vagrant', people: 'evc\n' }).guest), { code: 'promise-broken' })
  await t.rejects(promise(guest({ account: 'vagrant', people: 'evc\nvagrant\n', sudo: 'vagrant' }).guest), { code: 'promise-broken' })
})
