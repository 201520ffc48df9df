/** What the running appliance promises, one check each; in the order they are made. */
import { readFile } from 'node:fs/promises'
import { promiseBroken } from '../errors/verify.js'
import { getPage } from '../tools/pinned-https.js'
import type { HttpAnswer } from '../tools/pinned-https.js'
import type { Guest } from './guest.js'
import { cloudOf, findDemoVm, runContainer } from './verify-cloud.js'

/** Gives what it found, one line. Errors: `promise-broken` and others of exit 5, those of Run. */
export type Promised = (guest: Guest) => Promise<string>

const pageTimeoutMs = 10_000

/** Made in every boot, of whatever appliance. */
export const pagePromises: Readonly<Record<string, Promised>> = {
  'landing page': async guest => {
    const page = await pageOf(guest, '/')
    if (page.status !== 200 || !/<html/i.test(page.body)) throw promiseBroken(`GET / answered ${page.status} with ${page.body.length} characters`)
    return `200, ${page.body.length} characters of HTML`
  },
  'state.json': async guest => {
    const page = await pageOf(guest, '/state.json')
    const state = parseState(page.body)
    if (state !== 'ready') throw promiseBroken(`GET /state.json answered ${page.status}, state "${state}"`)
    return 'state "ready"'
  },
  'accounts of people': peopleOf,
}

/** Of an appliance with Incus in it, in every boot. */
export const everyBoot: Readonly<Record<string, Promised>> = {
  ...pagePromises,
  'API trusts the client': async guest => {
    const server = (await cloudOf(guest).call('GET', '/1.0')) as { auth?: string }
    if (server.auth !== 'trusted') throw promiseBroken(`The API calls a client that joined with the token "${server.auth}"`)
    return 'joined with the token shown, certificate as the token names it'
  },
}

/** The check that needs nested virtualisation, by its name in the report. */
export const nestedVmCheck = 'virtual machine started with KVM in the guest'

/** Made in one boot: in emulation they take minutes. */
export const oneBoot: Readonly<Record<string, Promised>> = {
  'API keeps the client to its project': async guest => {
    const projects = (await cloudOf(guest).call('GET', '/1.0/projects')) as readonly string[]
    if (projects.join() !== '/1.0/projects/demo') throw promiseBroken(`The client sees the projects ${projects.join(', ')}`)
    return 'only demo is seen'
  },
  'container started through the API': runContainer,
  [nestedVmCheck]: findDemoVm,
  ...systemPromises(incusRights),
}

/** Of the system itself, whatever cloud is in it; made in one boot. `rights` looks at what its owner may do. */
export function systemPromises(rights: Promised): Readonly<Record<string, Promised>> {
  return {
    'no log-in by password over SSH': async guest => {
      for (const user of [guest.credentials.user, 'root']) {
        const methods = await guest.shell.offeredMethods(user)
        if (methods !== 'publickey') throw promiseBroken(`SSH offers ${user}: ${methods}`)
      }
      return 'SSH offers publickey alone'
    },
    'user rights': rights,
    'no other passwords': async guest => {
      const users = (await guest.shell.asRoot('cut -d: -f1,2 /etc/shadow | grep -v ":[!*]" | cut -d: -f1')).trim().split('\n')
      if (users.join() !== guest.credentials.user) throw promiseBroken(`These accounts have passwords: ${users.join(', ')}`)
      return `${users.join()} alone has one`
    },
    'file system grown to the disk': async guest => {
      const bytes = Number(await guest.shell.asRoot('df --block-size=1 --output=size / | tail -n 1'))
      if (!(bytes > guest.imageBytes)) throw promiseBroken(`On an enlarged disk the root file system has ${bytes} bytes, the image ${guest.imageBytes}`)
      return `${(bytes / 1024 ** 3).toFixed(1)} GiB`
    },
    'credentials are shown nowhere else': secretsShownNowhere,
  }
}

async function incusRights(guest: Guest): Promise<string> {
  const { user } = guest.credentials
  const rights = await sudoAsks(guest)
  const groups = (await guest.shell.asUser('id -nG')).trim().split(/\s+/)
  const wide = groups.filter(group => /^(incus|incus-admin|lxd|docker|disk)$/.test(group))
  if (wide.length > 0) throw promiseBroken(`${user} is in the group ${wide.join(', ')}`)
  const projects = (await guest.shell.asUser('incus project list --format csv | cut -d, -f1')).trim()
  if (!/^demo\b[^\n]*$/.test(projects)) throw promiseBroken(`incus shows ${user} the projects ${projects.replaceAll('\n', ', ')}`)
  return `${rights}; groups ${groups.join(' ')}; incus shows project demo`
}

export async function sudoAsks(guest: Guest): Promise<string> {
  const bare = (await guest.shell.asUser('sudo -k -n true 2>&1 && echo "no question" || true')).trim()
  if (bare.endsWith('no question')) throw promiseBroken(`sudo asks ${guest.credentials.user} for no password`)
  return 'sudo asks for the password'
}

/** The owner's, and in an artifact with a marker for it the one more that can come in as is usual there. */
async function peopleOf(guest: Guest): Promise<string> {
  const { account, credentials, shell, visitKey } = guest
  const people = (await shell.asRoot("awk -F: '$3 >= 1000 && $3 < 60000 { print $1 }' /etc/passwd")).trim().split('\n')
  const wanted = [credentials.user, ...(account === undefined ? [] : [account])]
  if (people.sort().join() !== wanted.sort().join()) throw promiseBroken(`There are the accounts ${people.join(', ')}, not ${wanted.join(', ')}`)
  if (account === undefined) return `${credentials.user} alone`
  // Its own key is everybody's: whether the account lets a key in at all is what is looked at.
  const keys = `~${account}/.ssh/authorized_keys`
  await shell.asRoot(`cmp ${keys} /usr/lib/evc/${account}.pub; echo '${visitKey}' >>${keys}`)
  const user = (await shell.as(account, 'sudo -k -n whoami')).trim()
  if (user !== 'root') throw promiseBroken(`sudo gives ${account} "${user}"`)
  return `${people.join(', ')}; ${account} comes in by key, and sudo asks it nothing`
}

async function secretsShownNowhere(guest: Guest): Promise<string> {
  const [landing, state, serialLog] = await Promise.all([
    pageOf(guest, '/'), pageOf(guest, '/state.json'), readFile(guest.serialLog, 'utf8'),
  ])
  const texts = {
    'the landing page': landing.body,
    'state.json': state.body,
    'the stored serial log': serialLog,
    'its serial console without a key pressed': guest.consoleLines.join('\n'),
  }
  const shown = guest.secrets.flatMap(({ name, value }) =>
    Object.entries(texts).filter(([, text]) => text.includes(value)).map(([place]) => `${name} in ${place}`)
  )
  const inGuest = (await guest.shell.asRoot(searchScript(guest))).split('\n').filter(line => line !== '')
  if (shown.length + inGuest.length > 0) throw promiseBroken(`Secrets are shown: ${[...shown, ...inGuest].join('; ')}`)
  return `not in ${[...Object.keys(texts), 'the journal', '/var/log', 'the web folder'].join(', ')}`
}

/** The script comes by standard input: nothing of it stands in a process list or in sudo's log. */
function searchScript({ secrets }: Guest): string {
  const searches = secrets.map(({ name, value }) => [
    `if journalctl --no-pager --all --output=export | grep -aqF -- '${value}'; then echo "${name} in the journal"; fi`,
    `if grep -arqF -- '${value}' /var/log /run/evc/www /var/www 2>/dev/null; then echo "${name} in /var/log or the web folder"; fi`,
  ].join('\n'))
  return searches.join('\n')
}

async function pageOf(guest: Guest, path: string): Promise<HttpAnswer> {
  return getPage(guest.webPort, path, pageTimeoutMs * guest.timeoutFactor).catch((error: Error) => {
    throw promiseBroken(`GET ${path} got no answer (${error.message})`)
  })
}

function parseState(text: string): string {
  try {
    return String((JSON.parse(text) as { state?: unknown }).state)
  } catch {
    return 'no JSON'
  }
}
