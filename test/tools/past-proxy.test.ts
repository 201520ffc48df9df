/** The note on proxies: only where one is set that the request should have gone through, and it had no way. */
import t from 'tap'
import { getBytes } from '../../pipeline/tools/get-file.js'
import { askAddresses } from '../../pipeline/tools/answers.js'
import { createHttp } from '../../pipeline/tools/http.js'
import { pastProxy } from '../../pipeline/tools/past-proxy.js'

const note = (name: string) => `; ${name} is set, and the pipeline's own requests do not go through a proxy: name a mirror that is reached without one, or a file that curl brought`
const url = 'https://vault.example/os/'

t.test('names the variable where a request goes past a proxy', async t => {
  const proxy = 'http://proxy.example:3128'
  const told: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    https_proxy: { https_proxy: proxy, http_proxy: proxy },
    HTTPS_PROXY: { HTTPS_PROXY: proxy, no_proxy: 'other.example, ault.example' },
    all_proxy: { all_proxy: proxy },
  }
  for (const [name, env] of Object.entries(told)) t.equal(pastProxy(url, 'ENOTFOUND', env), note(name), name)
  const silent: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
    [url, 'ENOTFOUND', {}],
    [url, 'ENOTFOUND', { http_proxy: proxy }],
    [url, 'ENOTFOUND', { https_proxy: proxy, no_proxy: 'vault.example' }],
    [url, 'ENOTFOUND', { https_proxy: proxy, NO_PROXY: 'x,.example' }],
    [url, 'ENOTFOUND', { https_proxy: proxy, no_proxy: '*' }],
    [url, 'CERT_HAS_EXPIRED', { https_proxy: proxy }],
    ['http://127.0.0.1:8000/', 'ECONNREFUSED', { http_proxy: proxy }],
    ['http://[::1]/', 'ECONNREFUSED', { http_proxy: proxy }],
  ]
  for (const [at, code, env] of silent) t.equal(pastProxy(at, code, env), '', JSON.stringify([at, code, env]))
})

t.test('every request of the pipeline says so, in the reason that its error shows', async t => {
  // The name is reserved: nobody has it, with or without a network.
  const nowhere = 'http://nowhere.invalid/file'
  const before = { ...process.env }
  const forget = () => Object.keys(process.env).filter(name => /_proxy$/i.test(name)).forEach(name => delete process.env[name])
  forget()
  process.env['http_proxy'] = 'http://proxy.example:3128'
  t.teardown(() => {
    forget()
    Object.assign(process.env, before)
  })
  const { signal } = new AbortController()
  const expected = new RegExp(`^(ENOTFOUND|EAI_AGAIN)${note('http_proxy')}$`)
  await t.rejects(getBytes(nowhere, { signal, failed: reason => new Error(reason) }), { message: expected })
  t.match((await askAddresses([nowhere], 20_000))[0]?.problem, expected)
  const http = createHttp({ signal, patience: { stallMs: 1000, giveUpMs: 100 } })
  t.teardown(() => http.close())
  await t.rejects(http.document(nowhere, 1000), { message: new RegExp(`(is not known|cannot be looked up now)${note('http_proxy')}`) })
})
