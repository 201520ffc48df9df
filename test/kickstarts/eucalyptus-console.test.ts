/** The cloud's console: what the build does to its package, and what the first boot takes for an answer (stand-in). */
import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EucalyptusMachine, consoleFiles } from '../fixtures/eucalyptus-cloud.js'

const initScript = 'etc/rc.d/init.d/eucaconsole'
const shipped = readFileSync(consoleFiles.initScript, 'utf8')

t.test('a machine with the steps that the console needs', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.endAfter('50', { but: '80-console' })
  const stop = () => box.run(box.path('../bin/systemctl'), ['stop', 'eucaconsole'])
  const step = async () => {
    const { code } = await box.run(`${box.lib}/steps/80-console`)
    return { code, reason: code === 0 ? '' : box.read('run/evc/reason') }
  }
  const silent = { code: 1, reason: 'the console does not answer on port 443: /var/log/eucaconsole_startup.log\n' }

  t.test('the console answers beside the landing page, and stops by its own pid file', async t => {
    const { states, output } = await box.boot()
    t.match(states.at(-1), { state: 'ready' }, output.slice(-1500))
    t.ok(box.cloud('run/console-nginx') !== undefined)
    await stop()
    t.equal(box.cloud('run/console-nginx'), undefined)
    t.same(await step(), { code: 0, reason: '' }, 'and starts again')
  })

  t.test('what is uploaded through it may be as large as in the package\'s own file', async t => {
    const sizes = [...box.read('etc/eucaconsole/nginx.conf').matchAll(/^\s+((?:client_max_body|proxy_\w*(?:buffer|temp)\w*).*);$/gm)].map(([, setting]) => setting)
    t.same(sizes, [
      'client_max_body_size 5g', 'proxy_buffer_size 128k', 'proxy_buffers 4 256k', 'proxy_busy_buffers_size 256k', 'proxy_temp_file_write_size 512k',
    ])
  })

  t.test('a program that does not start is no console, whatever the nginx before it answers', async t => {
    await stop()
    box.tell('webob', '1.2.3')
    t.same(await step(), silent)
    box.forget('webob')
  })

  t.test('an init script that takes the landing page\'s nginx for its own starts none, and the step says so', async t => {
    await stop()
    box.write(initScript, shipped)
    t.same(await step(), silent)
  })
})

/** Runs the build's script on an init script with this text. */
function provision(t: Test, text: string) {
  const folder = t.testdir({ etc: { 'rc.d': { 'init.d': { eucaconsole: text } } } })
  const { status, stderr } = spawnSync('bash', [consoleFiles.provision], { encoding: 'utf8', env: { PATH: process.env['PATH'], EVC_ROOT: folder } })
  return { status, stderr: stderr.replace(folder, ''), text: readFileSync(join(folder, initScript), 'utf8') }
}

t.test('the build gives the console\'s nginx its own pid file, once, and is ended by a script that it does not know', async t => {
  const first = provision(t, shipped)
  t.equal(first.status, 0, first.stderr)
  t.equal(first.text, shipped.replace('daemon /usr/sbin/nginx', 'daemon --pidfile ${NGINXPIDFILE} /usr/sbin/nginx'))
  t.same(provision(t, first.text), first)
  const refused = { status: 1, stderr: `/${initScript} does not start nginx by a line that is known here: the console would not be reached\n` }
  for (const unknown of [shipped.replace('daemon', 'exec'), shipped.replace('NGINXPIDFILE=', 'PID=')]) {
    t.match(provision(t, unknown), refused)
  }
})
