/** Asks addresses whether they answer, without fetching what is there. */
import { pastProxy } from './past-proxy.js'

export interface Asked {
  readonly address: string
  /** `HTTP 404`, `ENOTFOUND`; absent when it answers. */
  readonly problem?: string
}

/** All at once; none longer than `timeoutMs`. */
export async function askAddresses(addresses: readonly string[], timeoutMs: number): Promise<readonly Asked[]> {
  return await Promise.all(addresses.map(address => ask(address, timeoutMs)))
}

async function ask(address: string, timeoutMs: number): Promise<Asked> {
  try {
    const response = await fetch(address, { method: 'HEAD', signal: AbortSignal.timeout(timeoutMs) })
    // A server that knows no HEAD is there all the same.
    return response.ok || [405, 501].includes(response.status) ? { address } : { address, problem: `HTTP ${response.status}` }
  } catch (error) {
    return { address, problem: reasonOf(address, error as Error, timeoutMs) }
  }
}

function reasonOf(address: string, { name, message, cause }: Error, timeoutMs: number): string {
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  return cause instanceof Error && 'code' in cause ? `${cause.code}${pastProxy(address, String(cause.code))}` : message
}
