/** The list of instances on the landing page, from an API that is played: it is asked when something happens, not all the time. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { within } from '../fixtures/processes.js'
import { realDeps } from '../fixtures/target-contract.js'

const program = fileURLToPath(new URL('../../kickstarts/ciab/first-boot/usr/lib/evc/instances', import.meta.url))
const waitMs = 20_000

async function certificate(folder: string, name: string) {
  const [key, cert] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)]
  await realDeps.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', `/CN=${name}`, '-keyout', key, '-out', cert])
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

/** A frame of one unmasked text, as a server sends it; 9 is a ping. */
const frame = (content: string, kind = 1) => Buffer.concat([Buffer.from([0x80 | kind, content.length]), Buffer.from(content)])

interface PlayedApi {
  readonly file: string
  readonly asked: () => readonly string[]
  readonly instances: { name: string; type: string; status: string; secret?: string }[]
  readonly happen: () => void
  readonly ping: () => void
  readonly pongs: () => number
  readonly breakOff: () => void
}

async function playApi(test: Pick<typeof t, 'testdir' | 'teardown'>, served = 'server'): Promise<PlayedApi> {
  const folder = test.testdir({ run: {} })
  const [server] = await Promise.all(['server', 'client', 'other'].map(async name => await certificate(folder, name)))
  const keys = served === 'server' ? server : { key: readFileSync(join(folder, `${served}.key`)), cert: readFileSync(join(folder, `${served}.crt`)) }
  const asked: string[] = []
  const instances: PlayedApi['instances'] = [{ name: 'demo', type: 'container', status: 'Running', secret: '10.1.2.3' }]
  const streams: Duplex[] = []
  let pongs = 0
  const api = createServer({ ...keys, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    asked.push(`${request.method} ${request.url}`)
    response.end(JSON.stringify({ metadata: instances }))
  })
  api.on('upgrade', (request, socket) => {
    asked.push(`events ${request.url}`)
    streams.push(socket)
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
    socket.on('data', data => { if (data[0] === 0x8a && (data[1] ?? 0) >= 0x80) pongs++ })
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => api.listen(0, '127.0.0.1', resolve))
  const child = spawn('python3', ['-B', program], {
    env: { PATH: process.env['PATH'], CREDENTIALS_DIRECTORY: folder, RUNTIME_DIRECTORY: join(folder, 'run'), EVC_API_PORT: String((api.address() as AddressInfo).port) },
    stdio: 'ignore',
  })
  const breakOff = () => streams.splice(0).forEach(stream => stream.destroy())
  test.teardown(() => { child.kill('SIGKILL'); breakOff(); api.close(); api.closeAllConnections() })
  const send = (data: Buffer) => streams.forEach(stream => stream.write(data))
  return {
    file: join(folder, 'run/instances.json'), asked: () => asked, instances, breakOff,
    happen: () => send(frame('{"type":"lifecycle"}')), ping: () => send(frame('beat', 9)), pongs: () => pongs,
  }
}

const shows = (file: string, text: string) => within(waitMs, () => existsSync(file) && readFileSync(file, 'utf8').trim() === text)

t.test('shows name, kind and status, anew when the cloud tells of a change (a played API)', async t => {
  const api = await playApi(t)
  t.ok(await shows(api.file, '{"instances": [{"name": "demo", "kind": "container", "status": "running"}]}'), 'no address is shown')
  const before = api.asked().length
  api.ping()
  t.ok(await within(waitMs, () => api.pongs() === 1), 'a ping is answered')
  t.equal(api.asked().length, before, 'and nothing else is asked for it')
  api.instances.push({ name: 'a', type: 'virtual-machine', status: 'Stopped' })
  api.happen()
  t.ok(await shows(api.file, '{"instances": [{"name": "a", "kind": "machine", "status": "stopped"}, {"name": "demo", "kind": "container", "status": "running"}]}'))
})

t.test('what is no longer known is not shown; it comes back with the cloud (a played API)', async t => {
  const api = await playApi(t)
  t.ok(await within(waitMs, () => existsSync(api.file)))
  api.breakOff()
  t.ok(await shows(api.file, '{"instances":null}'))
  t.ok(await shows(api.file, '{"instances": [{"name": "demo", "kind": "container", "status": "running"}]}'))
})

t.test('nothing is asked of a server with another certificate than the cloud has (a played API)', async t => {
  const api = await playApi(t, 'other')
  t.ok(await shows(api.file, '{"instances":null}'))
  t.same(api.asked(), [])
})
