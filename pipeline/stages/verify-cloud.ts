/** The cloud inside the appliance at work: a container through its API, and a hardware-accelerated VM. */
import { promiseBroken } from '../errors/verify.js'
import type { CloudClient } from './cloud-client.js'
import type { Guest } from './guest.js'

const project = 'project=demo'
const name = 'verification'
const pollMs = 1000
const addressMs = 30_000
/** A VM with 256 MiB needs 2 to 5 s with KVM, and measured 45 s when the outer machine is emulated. */
const userspaceMs = 60_000

interface InstanceState {
  readonly status: string
  readonly network: Readonly<Record<string, { readonly addresses: readonly { family: string; scope: string; address: string }[] }>> | null
}

/** Makes a container of the image baked in, waits for its address, deletes it. */
export async function runContainer(guest: Guest): Promise<string> {
  const cloud = cloudOf(guest)
  const source = { type: 'image', alias: 'demo' }
  await cloud.call('POST', `/1.0/instances?${project}`, { name, type: 'container', source })
  await cloud.call('PUT', `/1.0/instances/${name}/state?${project}`, { action: 'start', timeout: -1 })
  const address = await waitAddress(guest, name, addressMs)
  await cloud.call('PUT', `/1.0/instances/${name}/state?${project}`, { action: 'stop', force: true, timeout: -1 })
  await cloud.call('DELETE', `/1.0/instances/${name}?${project}`)
  return `made from image demo, started, got ${address}, stopped, deleted`
}

/** `accel = "kvm"` in the configuration QEMU runs with, and an address: only its userspace asks for one. */
export async function findDemoVm(guest: Guest): Promise<string> {
  if (guest.ready.nested !== 'kvm') {
    throw promiseBroken(`The appliance has no hardware virtualisation inside: ${guest.ready.nestedHint ?? guest.ready.nested ?? 'no reason given'}`)
  }
  const config = await guest.shell.asRoot('cat /run/incus/demo_demo-vm/qemu.conf')
  if (!/^accel = "kvm"$/m.test(config)) throw promiseBroken('The VM demo-vm does not run with KVM')
  const address = await waitAddress(guest, 'demo-vm', userspaceMs)
  return `demo-vm runs with accel = "kvm" and got ${address}`
}

/** A TypeError is a fault of ours: these promises are made of appliances with Incus only. */
export function cloudOf({ cloud }: Guest): CloudClient {
  if (!cloud) throw new TypeError('this appliance has no Incus')
  return cloud
}

async function waitAddress(guest: Guest, instance: string, timeoutMs: number): Promise<string> {
  const deadline = Date.now() + timeoutMs * guest.timeoutFactor
  for (;;) {
    const state = (await cloudOf(guest).call('GET', `/1.0/instances/${instance}/state?${project}`)) as InstanceState
    const addresses = Object.values(state.network ?? {}).flatMap(network => network.addresses)
    const found = addresses.find(({ family, scope }) => family === 'inet' && scope === 'global')
    if (found) return found.address
    if (state.status !== 'Running') throw promiseBroken(`${instance} is ${state.status}`)
    if (Date.now() > deadline) throw promiseBroken(`${instance} runs, but got no address within ${Math.round((timeoutMs * guest.timeoutFactor) / 1000)} s`)
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
}
