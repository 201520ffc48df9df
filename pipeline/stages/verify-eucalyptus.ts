/** What the eucalyptus appliance promises, looked at from outside and by its own commands. */
import { promiseBroken } from '../errors/verify.js'
import type { Guest } from './guest.js'
import { pagePromises, sudoAsks, systemPromises } from './verify-promises.js'
import type { Promised } from './verify-promises.js'

/** Made in every boot. */
export const everyEucalyptusBoot: Readonly<Record<string, Promised>> = {
  ...pagePromises,
  'services of the cloud are enabled': servicesEnabled,
}

/** Made in one boot. */
export const oneEucalyptusBoot: Readonly<Record<string, Promised>> = {
  'node has the demo instance': async guest => {
    const lines = (await asSystem(guest, 'euserv-describe-node-controllers')).split('\n')
    const instances = lines.filter(line => /^INSTANCE\b/.test(line))
    if (instances.length === 0) throw promiseBroken('The node controller runs no instance', lines)
    return `${instances.length} on the node`
  },
  'administrator can log in to the console': async guest => {
    // The cloud comes to `ready` without: none of its own commands needs it.
    const command = 'euare-usergetloginprofile --as-account eucalyptus -u admin'
    await asSystem(guest, command).catch((error: Error) => {
      throw promiseBroken(`The cloud's administrator has no password for the console (${error.message})`)
    })
    return 'has a password'
  },
  ...systemPromises(async guest => {
    const rights = await sudoAsks(guest)
    const groups = (await guest.shell.asUser('id -nG')).trim().split(/\s+/)
    const wide = groups.filter(group => /^(eucalyptus|libvirt|kvm|docker|disk)$/.test(group))
    if (wide.length > 0) throw promiseBroken(`${guest.credentials.user} is in the group ${wide.join(', ')}`)
    return `${rights}; groups ${groups.join(' ')}`
  }),
}

/** Without the service image, which is not part of the appliance, these two have nothing to start. */
const withoutServiceImage = ['imaging', 'loadbalancing']

async function servicesEnabled(guest: Guest): Promise<string> {
  const lines = (await asSystem(guest, 'euserv-describe-services')).split('\n').filter(line => /^SERVICE\b/.test(line))
  const wrong = lines.filter(line => {
    const [, type = '', ...rest] = line.trim().split(/\s+/)
    return rest.at(-1) !== 'enabled' && !withoutServiceImage.includes(type)
  })
  if (lines.length === 0 || wrong.length > 0) throw promiseBroken('Services of the cloud are not enabled', wrong)
  return `${lines.length} services, all enabled that have what they need`
}

/** By the appliance's own way to temporary credentials. */
function asSystem(guest: Guest, command: string): Promise<string> {
  return guest.shell.asRoot(`. /usr/lib/evc/eucalyptus.sh && as_system ${command}`)
}
