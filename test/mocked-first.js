// A hook of Node's, in its hooks' thread: names that a test mocks are looked up before tsx maps them to the source's.
import { resolve as resolveMocked } from '@tapjs/mock/loader'

/** Of a mocked module's parts, only those that are mocked, too, are others than everybody's. */
const plain = address => {
  const url = new URL(address)
  url.searchParams.delete('tapmock')
  return url.href
}

export const resolve = (name, context, next) =>
  resolveMocked(name, context, found => next(found, { ...context, parentURL: context.parentURL && plain(context.parentURL) }))
