/** `pipeline doctor` with an appliance: its addresses are asked, and those that do not answer are named. Programs are stubs. */
import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { runMain, stubPrograms } from '../fixtures/main-run.js'

t.test('names the addresses that do not answer, each with its reason', async t => {
  const lacking = '/vault.centos.org/7.9.2009/extras/x86_64/repodata/repomd.xml'
  const server = createServer((request, response) => response.writeHead(request.url === lacking ? 404 : 200).end()).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await new Promise(resolve => server.once('listening', resolve))
  const mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const folder = t.testdir({})
  const argv = ['doctor', 'eucalyptus', '--store', join(folder, 'state'), '--set', `el.mirror=${mirror}`]
  const { code, stdout } = await runMain(argv, `${stubPrograms(join(folder, 'bin')).path}:/usr/bin:/bin`)
  t.equal(code, 0)
  t.match(stdout, `addresses: 12 of 13 answer\n  ${mirror}${lacking} (HTTP 404)\n`)
})

t.test('an appliance that is not there is an error, before anything is asked', async t => {
  t.same(await runMain(['doctor', 'eucalyptos']), {
    code: 2,
    stdout: '',
    stderr: 'error: There is no appliance "eucalyptos". (Did you mean "eucalyptus"?)\n',
  })
})
