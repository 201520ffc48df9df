/** What the eucalyptus appliance promises and no command of its first boot would miss. */
import t from 'tap'
import type { Guest } from '../../pipeline/stages/guest.js'
import { oneEucalyptusBoot } from '../../pipeline/stages/verify-eucalyptus.js'

const promise = async (guest: Guest) => await oneEucalyptusBoot['administrator can log in to the console']?.(guest)

/** Only what the promise looks at. */
const guest = (asRoot: Guest['shell']['asRoot']) => ({ shell: { asRoot } }) as unknown as Guest

t.test('the administrator\'s log-in is asked of the cloud itself', async t => {
  const asked: string[] = []
  t.equal(await promise(guest(async script => (asked.push(script), '2026-11-25\tadmin\n'))), 'has a password')
  t.match(asked, [/as_system euare-usergetloginprofile --as-account eucalyptus -u admin$/])
})

t.test('a cloud whose administrator has none breaks the promise', async t => {
  const refused = guest(async () => { throw new Error('NoSuchEntity') })
  await t.rejects(promise(refused), { code: 'promise-broken', message: /administrator has no password for the console \(NoSuchEntity\)/ })
})
