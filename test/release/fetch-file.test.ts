/** One file from a plain server behind the fault proxy: what is written, and when it gets its name. */
import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { fetchFile, partPath } from '../../pipeline/release/fetch-file.js'
import type { FetchDeps, FileRequest } from '../../pipeline/release/fetch-file.js'
import { createHttp } from '../../pipeline/tools/http.js'
import { failureOf } from '../fixtures/failure.js'
import { startFaultProxy } from '../fixtures/fault-proxy.js'
import { startFileServer } from '../fixtures/file-server.js'

const mib = 1024 * 1024
const content = randomBytes(20 * mib + 3)
const sha256 = createHash('sha256').update(content).digest('hex')

async function world(t: Test) {
  const folder = t.testdir({ served: {} })
  writeFileSync(join(folder, 'served/disk'), content)
  const server = await startFileServer(join(folder, 'served'))
  const proxy = await startFaultProxy(server.url)
  const http = createHttp({ signal: new AbortController().signal, patience: { stallMs: 20_000, giveUpMs: 1000 } })
  t.teardown(async () => {
    http.close()
    await proxy.close()
    server.close()
  })
  const lines: string[] = []
  const deps: FetchDeps = { http, signal: new AbortController().signal, connections: 3, progress: line => void lines.push(line) }
  const request: FileRequest = { url: `${proxy.url}/disk`, path: join(folder, 'out/disk'), sizeBytes: content.length, sha256 }
  const asked = () => proxy.requests.reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  return { folder, proxy, deps, lines, request, asked }
}

t.test('a large file comes whole, and is left alone the next time', async t => {
  const { deps, request, asked, folder } = await world(t)
  t.equal(await fetchFile({ ...request, executable: true }, deps), 'written')
  t.ok(readFileSync(request.path).equals(content))
  t.equal(statSync(request.path).mode & 0o777, 0o755)
  t.equal(await fetchFile(request, deps), 'kept')
  t.same([asked(), readdirSync(join(folder, 'out'))], [content.length, ['disk']])
})

t.test('what is there of it is not asked for again, wherever it ends', async t => {
  const { deps, request, asked, lines } = await world(t)
  await fetchFile({ ...request, path: `${request.path}-other` }, deps)
  for (const doneBytes of [8 * mib, 9 * mib + 17, content.length]) {
    writeFileSync(partPath(request), content.subarray(0, doneBytes))
    const before = asked()
    t.equal(await fetchFile(request, deps), 'written')
    t.ok(readFileSync(request.path).equals(content))
    // The range it ends in is asked for whole.
    t.ok(asked() - before < content.length - doneBytes + 8 * mib, `${doneBytes}`)
    rmSync(request.path)
  }
  t.ok(lines.includes('going on at 45 %'))
})

t.test('a beginning that is not right is downloaded again, a server that is not right is told', async t => {
  const { deps, request, lines } = await world(t)
  await fetchFile({ ...request, path: `${request.path}-other` }, deps)
  writeFileSync(partPath(request), randomBytes(9 * mib))
  t.equal(await fetchFile(request, deps), 'written')
  t.ok(lines.includes('what was here already is not right; downloading all of it'))
  const wrong = { ...request, path: `${request.path}-2`, sha256: 'a'.repeat(64) }
  const failure = await failureOf(fetchFile(wrong, deps))
  t.equal(failure.message, `${request.url} is not the file of the release: its SHA-256 is ${sha256}, and ${'a'.repeat(64)} by the release's index.`)
  t.same([existsSync(wrong.path), existsSync(partPath(wrong))], [false, false])
})

t.test('when the server goes away the beginning is kept under its hidden name', async t => {
  const { deps, request, proxy } = await world(t)
  proxy.fault({ skip: 1 }, { kind: 'answer', status: 503 })
  t.equal((await failureOf(fetchFile(request, deps))).code, 'download-failed')
  const kept = readFileSync(partPath(request))
  t.ok(kept.length <= 8 * mib && kept.equals(content.subarray(0, kept.length)))
  t.notOk(existsSync(request.path))
})

t.test('another file of that name is left alone', async t => {
  const { deps, request, folder } = await world(t)
  await fetchFile({ ...request, path: join(folder, 'out/x') }, deps)
  writeFileSync(request.path, 'a disk that was started')
  const { message } = await failureOf(fetchFile(request, deps))
  t.equal(message, `${request.path} is there already and is not the file of the release; a disk that was started is changed, for example.`)
  t.equal(readFileSync(request.path, 'utf8'), 'a disk that was started')
})
