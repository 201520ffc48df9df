/** How a visitor comes in at an appliance of either family: ports, words, the door of its cloud, and what it promises. */
import { promiseBroken } from '../errors/verify.js'
import type { Family, Spec } from '../spec/types.js'
import { shownCertificate } from '../tools/pinned-https.js'
import type { ClientIdentity } from '../tools/pinned-https.js'
import { joinCloud, parseToken } from './cloud-client.js'
import type { CloudClient } from './cloud-client.js'
import { incusWords } from './guest-console.js'
import type { CredentialWords, Credentials } from './guest-console.js'
import { everyEucalyptusBoot, oneEucalyptusBoot } from './verify-eucalyptus.js'
import { everyBoot, oneBoot } from './verify-promises.js'
import type { Promised } from './verify-promises.js'
import type { Found } from './verify-record.js'

export interface Door {
  /** On 127.0.0.1. */
  readonly port: number
  readonly credentials: Credentials
  readonly client: ClientIdentity
  readonly timeoutMs: number
}

export interface Entered {
  /** Of the certificate that the cloud showed. */
  readonly fingerprint: string
  readonly cloud?: CloudClient
}

export interface Manners {
  readonly ports: { readonly ssh: number; readonly web: number; readonly api: number }
  readonly words: CredentialWords
  /** The name of the check that `enter` is. */
  readonly entering: string
  readonly enter: (door: Door) => Promise<Found<Entered>>
  /** Named strings that must be shown nowhere. */
  readonly secrets: (credentials: Credentials) => readonly { readonly name: string; readonly value: string }[]
  readonly everyBoot: Readonly<Record<string, Promised>>
  readonly oneBoot: Readonly<Record<string, Promised>>
}

const incus: Manners = {
  ports: { ssh: 22, web: 80, api: 8443 },
  words: incusWords,
  entering: 'API takes the token',
  enter: async ({ port, credentials, client, timeoutMs }) => {
    const cloud = await joinCloud({ port, token: credentials.apiToken, client, timeoutMs })
    return { found: 'a new client certificate was let in', value: { fingerprint: cloud.fingerprint, cloud } }
  },
  // The token is JSON in base64; what is secret in it is searched for by itself, too.
  secrets: ({ password, apiToken }) => [
    { name: 'the password', value: password },
    { name: 'the api-token', value: apiToken },
    { name: 'the secret in the api-token', value: parseToken(apiToken).secret },
  ],
  everyBoot,
  oneBoot,
}

const eucalyptus: Manners = {
  ports: { ssh: 22, web: 80, api: 443 },
  words: { api: 'console', apiToken: 'admin-password' },
  entering: 'console answers with a certificate of its own',
  enter: async ({ port, timeoutMs }) => {
    const { fingerprint } = await shownCertificate(port, timeoutMs).catch((error: Error) => {
      throw promiseBroken(`The console does not answer by HTTPS (${error.message})`)
    })
    return { found: `SHA-256 ${fingerprint}`, value: { fingerprint } }
  },
  secrets: ({ password, apiToken }) => [
    { name: 'the password', value: password },
    { name: 'the admin-password', value: apiToken },
  ],
  everyBoot: everyEucalyptusBoot,
  oneBoot: oneEucalyptusBoot,
}

const manners: Readonly<Record<Family, Manners>> = { debian: incus, el: eucalyptus }

export function mannersOf({ family }: Pick<Spec, 'family'>): Manners {
  return manners[family]
}
