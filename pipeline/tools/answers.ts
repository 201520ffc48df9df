/** Asks addresses whether they answer, without fetching what is there. */
import { pastProxy } from './past-proxy.js'

export interface Asked {
  readonly address: string
  /** `HTTP 404`, `ENOTFOUND`; absent when it answers. */
  readonly problem?: string
}

/** All at once; each try no longer than `timeoutMs`. Errors: the signal's reason. */
export async function askAddresses(addresses: readonly string[], timeoutMs: number, signal?: AbortSignal): Promise<readonly Asked[]> {
  return await Promise.all(addresses.map(address => ask(address, timeoutMs, signal)))
}

async function ask(address: string, timeoutMs: number, signal?: AbortSignal): Promise<Asked> {
  const answer = async (method: 'HEAD' | 'GET') => {
    const timeout = AbortSignal.timeout(timeoutMs)
    const { ok, status, body } = await fetch(address, { method, signal: signal ? AbortSignal.any([signal, timeout]) : timeout })
    await body?.cancel()
    return { ok, status }
  }
  try {
    const head = await answer('HEAD')
    // Some know no HEAD, or refuse it where they would answer GET: an address that is signed for GET alone.
    const { ok, status } = head.ok || head.status === 404 ? head : await answer('GET')
    return ok ? { address } : { address, problem: `HTTP ${status}` }
  } catch (error) {
    signal?.throwIfAborted()
    return { address, problem: reasonOf(address, error as Error, timeoutMs) }
  }
}

function reasonOf(address: string, { name, message, cause }: Error, timeoutMs: number): string {
  if (name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  return cause instanceof Error && 'code' in cause ? `${cause.code}${pastProxy(address, String(cause.code))}` : message
}
