/** Conditional writes: what is found out about a server, and who wins. The bucket is a stand-in in memory. */
import t from 'tap'
import { openConditionalWriter } from '../../pipeline/release/conditional.js'
import type { Conditions } from '../../pipeline/release/conditional.js'
import { serverLacks } from '../../pipeline/errors/publish.js'
import { textBody } from '../../pipeline/tools/body.js'
import { failureOf } from '../fixtures/failure.js'
import { memoryBucket, unclear } from '../fixtures/memory-bucket.js'
import type { MemoryBucket } from '../fixtures/memory-bucket.js'

const headers = { contentType: 'application/json', cacheControl: 'no-cache' }

function writerOf(bucket: MemoryBucket, { lines = [] as string[], patienceMs = 0 } = {}) {
  return openConditionalWriter({ bucket, prefix: 'p/', signal: new AbortController().signal, patienceMs, progress: line => void lines.push(line) })
}

t.test('finds out what a server obeys, and leaves nothing behind', async t => {
  for (const conditions of ['quoted', 'bare', 'none'] as const satisfies Conditions[]) {
    const [bucket, lines] = [memoryBucket(conditions), [] as string[]]
    t.equal((await writerOf(bucket, { lines })).conditions, conditions)
    t.equal(lines.length, conditions === 'none' ? 1 : 0, 'a server without conditions is told')
    t.same([...bucket.objects.keys()], [])
  }
})

t.test('"not implemented" is a server without conditions, a bad minute is none', async t => {
  const without = memoryBucket()
  without.before = call => {
    if (call.startsWith('putIf p/.probe')) throw serverLacks({ doing: 'Writing', bucket: 'images', server: 'http://memory' }, '501 NotImplemented')
  }
  t.equal((await writerOf(without)).conditions, 'none')
  const busy = memoryBucket('bare')
  let answers = 0
  busy.before = call => {
    if (call.startsWith('putIf') && (answers += 1) % 2 === 1) throw unclear(503, 'SlowDown')
  }
  t.equal((await writerOf(busy, { patienceMs: 60_000 })).conditions, 'bare')
  busy.before = call => {
    if (call.startsWith('putIf')) throw unclear(503, 'SlowDown')
  }
  const failure = await failureOf(writerOf(busy))
  t.match(failure.message, /^Writing p\/\.probe-\w+: http:\/\/memory keeps answering 503 SlowDown, tried for 0 s\.$/)
})

t.test('a write wins only while the object is as it was read', async t => {
  for (const conditions of ['quoted', 'bare', 'none'] as const) {
    const bucket = memoryBucket(conditions)
    const writer = await writerOf(bucket)
    t.same(await writer.write('p/x', 'one', null, headers), { won: true }, conditions)
    t.same(await writer.write('p/x', 'two', null, headers), { won: false }, 'it is there already')
    const seen = await bucket.head('p/x')
    t.same(await writer.write('p/x', 'three', seen ?? null, headers), { won: true })
    t.same(await writer.write('p/x', 'four', seen ?? null, headers), { won: false }, 'it was changed since')
    t.same([...bucket.objects].map(([key, { bytes }]) => [key, bytes.toString()]), [['p/x', 'three']])
  }
})

t.test('after an unclear answer only the object tells who won', async t => {
  for (const [stored, won] of [['mine', true], ['theirs', false]] as const) {
    const bucket = memoryBucket()
    const writer = await writerOf(bucket, { patienceMs: 60_000 })
    bucket.before = async call => {
      if (!call.startsWith('putIf')) return
      bucket.before = () => {}
      await bucket.put('p/x', textBody(stored), { ...headers, sha256: '' })
      throw unclear(500, 'InternalError')
    }
    t.same(await writer.write('p/x', 'mine', null, headers), { won }, stored)
  }
})

t.test('writes that met are looked at: the one that came to nothing is tried again, another that came in between has won', async t => {
  for (const [stored, won] of [[undefined, true], ['theirs', false]] as const) {
    const bucket = memoryBucket()
    const writer = await writerOf(bucket, { patienceMs: 60_000 })
    bucket.before = async call => {
      if (!call.startsWith('putIf')) return
      bucket.before = () => {}
      if (stored) await bucket.put('p/x', textBody(stored), { ...headers, sha256: '' })
      throw unclear(409, 'ConditionalRequestConflict')
    }
    t.same(await writer.write('p/x', 'mine', null, headers), { won }, stored ?? 'nothing')
    t.equal(bucket.objects.get('p/x')?.bytes.toString(), stored ?? 'mine')
  }
})

t.test('a claim of a publisher that was killed is removed, one of a living publisher is waited for', async t => {
  const bucket = memoryBucket('none')
  const writer = await writerOf(bucket)
  const claim = async (age: number) => {
    await bucket.put('p/x.claim-other', textBody('claim'), { ...headers, sha256: '' })
    const found = bucket.objects.get('p/x.claim-other')
    if (found) Object.assign(found, { modifiedMs: Date.now() - age })
  }
  await claim(61_000)
  t.same(await writer.write('p/x', 'one', null, headers), { won: true })
  t.same([...bucket.objects.keys()], ['p/x'], 'no claim is left')
  await claim(0)
  let lists = 0
  bucket.before = async call => {
    if (call.startsWith('list') && (lists += 1) === 2) await bucket.remove(['p/x.claim-other'])
  }
  t.same(await writer.write('p/x', 'two', (await bucket.head('p/x')) ?? null, headers), { won: true })
  t.equal(bucket.objects.get('p/x')?.bytes.toString(), 'two')
})

/** Another publisher that was late, or has taken our claim for a dead one. */
const theirs = (bucket: MemoryBucket) => bucket.put('p/x', textBody('theirs'), { ...headers, sha256: '' })

t.test('without conditions only what stands there afterwards tells who won', async t => {
  for (const [what, isUnclear, stored, won] of [
    ['a write over ours', false, 'theirs', false], ['a lost answer', true, 'mine', true], ['theirs and a lost answer', true, 'theirs', false],
  ] as const) {
    const bucket = memoryBucket('none')
    const writer = await writerOf(bucket)
    const tryPut = bucket.tryPut
    bucket.tryPut = async (key, body, ...more) => {
      const receipt = await tryPut(key, body, ...more)
      if (stored === 'theirs') await theirs(bucket)
      if (isUnclear) throw unclear(500, 'InternalError')
      return receipt
    }
    t.same(await writer.write('p/x', 'mine', null, headers), { won }, what)
    t.same([...bucket.objects].map(([key, { bytes }]) => [key, bytes.toString()]), [['p/x', stored]], 'no claim is left')
  }
})

t.test('a write that came to nothing is tried under a claim of its own each time, while patience lasts', async t => {
  const bucket = memoryBucket('none')
  const writer = await writerOf(bucket, { patienceMs: 60_000 })
  let tries = 0
  bucket.before = call => {
    if (call === 'tryPut p/x' && (tries += 1) < 3) throw unclear(503, 'SlowDown')
  }
  t.same(await writer.write('p/x', 'mine', null, headers), { won: true })
  const claims = bucket.calls.filter(call => call.startsWith('put p/x.claim-'))
  t.same([tries, new Set(claims).size], [3, 3])
  bucket.before = call => {
    if (call === 'tryPut p/y') throw unclear(503, 'SlowDown')
  }
  const failure = await failureOf((await writerOf(bucket)).write('p/y', 'mine', null, headers))
  t.equal(failure.message, 'Writing p/y: http://memory keeps answering 503 SlowDown, tried for 0 s.')
  const left = [...bucket.objects.keys()].filter(key => key !== 'p/x')
  t.ok(left.length > 0 && left.every(key => key.startsWith('p/y.claim-')), 'its claim is left to die: the write may still be on its way')
})

t.test('after a write whose end is not known its claim stays until the next one has ended', async t => {
  const bucket = memoryBucket('none')
  const writer = await writerOf(bucket, { patienceMs: 60_000 })
  const claims: number[] = []
  let tries = 0
  bucket.before = call => {
    if (!call.startsWith('tryPut')) return
    claims.push([...bucket.objects.keys()].filter(key => key.includes('.claim-')).length)
    if ((tries += 1) < 3) throw unclear(504, 'GatewayTimeout')
  }
  t.same(await writer.write('p/x', 'mine', null, headers), { won: true })
  t.same(claims, [1, 2, 3], 'nobody else is alone in between')
  t.same([...bucket.objects.keys()], ['p/x'])
})

t.test('nothing is written under a claim that is gone or old, and no write outlives its claim', async t => {
  const now = Date.now
  t.teardown(() => { Date.now = now })
  for (const hold of ['removed', 'old'] as const) {
    const bucket = memoryBucket('none')
    const writer = await writerOf(bucket)
    const limits: number[] = []
    const tryPut = bucket.tryPut
    bucket.tryPut = async (...request) => {
      limits.push(request[3])
      return await tryPut(...request)
    }
    bucket.before = async call => {
      if (call !== 'get p/x') return
      bucket.before = () => {}
      t.equal(limits.length, 0)
      if (hold === 'old') Date.now = () => now() + 20_000
      else await bucket.remove([...bucket.objects.keys()].filter(key => key.startsWith('p/x.claim-')))
    }
    t.same(await writer.write('p/x', 'mine', null, headers), { won: true }, hold)
    const claims = bucket.calls.filter(call => call.startsWith('put p/x.claim-'))
    t.same([claims.length, limits], [2, [30_000]], `${hold}: a second claim`)
    Date.now = now
  }
})
