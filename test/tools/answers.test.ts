/** Asking addresses: those that answer, that refuse, that are silent, that are nowhere. */
import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { askAddresses } from '../../pipeline/tools/answers.js'

t.test('says of each address whether it answers, and why not; nothing is fetched', async t => {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.url === '/silent') return
    const answers: Readonly<Record<string, number>> = { 'HEAD /there': 200, 'HEAD /unasked': 405, 'GET /unasked': 200, 'HEAD /signed': 403, 'GET /signed': 200, 'HEAD /closed': 403, 'GET /closed': 403 }
    response.writeHead(answers[asked.at(-1) ?? ''] ?? 404).end('content')
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
  t.same(await askAddresses([`${at}/there`, `${at}/unasked`, `${at}/signed`, `${at}/closed`, `${at}/gone`, `${at}/silent`, nowhere], 2000), [
    { address: `${at}/there` },
    { address: `${at}/unasked` },
    { address: `${at}/signed` },
    { address: `${at}/closed`, problem: 'HTTP 403' },
    { address: `${at}/gone`, problem: 'HTTP 404' },
    { address: `${at}/silent`, problem: 'no answer within 2 s' },
    { address: nowhere, problem: 'ECONNREFUSED' },
  ])
  t.same(asked.filter(line => line.startsWith('GET')).sort(), ['GET /closed', 'GET /signed', 'GET /unasked'])
  const stop = new AbortController()
  const reason = new Error('Ctrl-C')
  const interrupted = askAddresses([`${at}/silent`], 60_000, stop.signal)
  stop.abort(reason)
  await t.rejects(interrupted, reason)
})
