/** Asking addresses: those that answer, that refuse, that are silent, that are nowhere. */
import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { askAddresses } from '../../pipeline/tools/answers.js'

t.test('says of each address whether it answers, and why not; nothing is fetched', async t => {
  const methods = new Set<string | undefined>()
  const server = createServer((request, response) => {
    methods.add(request.method)
    if (request.url === '/silent') return
    response.writeHead({ '/there': 200, '/unasked': 405 }[request.url ?? ''] ?? 404).end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise(resolve => server.once('listening', resolve))
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const closed = createServer().listen(0, '127.0.0.1')
  await new Promise(resolve => closed.once('listening', resolve))
  const nowhere = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/`
  await new Promise(resolve => closed.close(resolve))
  t.same(await askAddresses([`${at}/there`, `${at}/unasked`, `${at}/gone`, `${at}/silent`, nowhere], 2000), [
    { address: `${at}/there` },
    { address: `${at}/unasked` },
    { address: `${at}/gone`, problem: 'HTTP 404' },
    { address: `${at}/silent`, problem: 'no answer within 2 s' },
    { address: nowhere, problem: 'ECONNREFUSED' },
  ])
  t.same([...methods], ['HEAD'])
})
