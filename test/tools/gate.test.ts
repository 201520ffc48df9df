/** Jobs side by side: how many at a time, in which order, and what is left when one fails. */
import t from 'tap'
import { createGate, settleAll } from '../../pipeline/tools/gate.js'

/** Jobs that end when they are told to. */
function jobs() {
  const begun: string[] = []
  const ends = new Map<string, { resolve: (name: string) => void; reject: (error: Error) => void }>()
  const job = (name: string) => async () => {
    begun.push(name)
    return await new Promise<string>((resolve, reject) => ends.set(name, { resolve, reject }))
  }
  const end = (name: string, error?: Error) => (error ? ends.get(name)?.reject(error) : ends.get(name)?.resolve(name))
  return { begun, job, end }
}

/** Until everything that can go on has gone on. */
const settle = () => new Promise(resolve => setImmediate(resolve))

t.test('lets so many in as there are places, and the others in the order they came', async t => {
  const { begun, job, end } = jobs()
  const gate = createGate(2)
  const results = ['a', 'b', 'c', 'd'].map(name => gate(job(name)))
  await settle()
  t.strictSame(begun, ['a', 'b'])
  end('b')
  await settle()
  t.strictSame(begun, ['a', 'b', 'c'])
  end('a')
  await settle()
  t.strictSame(begun, ['a', 'b', 'c', 'd'])
  end('c')
  end('d')
  t.strictSame(await Promise.all(results), ['a', 'b', 'c', 'd'])
})

t.test('a job that fails gives its place back', async t => {
  const { begun, job, end } = jobs()
  const gate = createGate(1)
  const failing = gate(job('a'))
  const next = gate(job('b'))
  await settle()
  end('a', new Error('lost'))
  await t.rejects(failing, { message: 'lost' })
  await settle()
  t.strictSame(begun, ['a', 'b'])
  end('b')
  t.equal(await next, 'b')
  const last = gate(job('c'))
  await settle()
  t.strictSame(begun, ['a', 'b', 'c'], 'a place that nobody waited for is free again')
  end('c')
  t.equal(await last, 'c')
})

t.test('settleAll gives the results in the order of the jobs', async t => {
  const { job, end } = jobs()
  const all = settleAll([job('a')(), job('b')()], () => t.fail('nothing failed'))
  end('b')
  end('a')
  t.strictSame(await all, ['a', 'b'])
  t.strictSame(await settleAll([], () => t.fail('nothing failed')), [])
})

t.test('settleAll stops the others at the first failure, waits for them, and tells that one', async t => {
  const { job, end } = jobs()
  let stops = 0
  let settled = false
  const all = settleAll([job('a')(), job('b')()], () => (stops += 1))
  const watched = all.catch((error: Error) => {
    settled = true
    return error.message
  })
  end('b', new Error('second job, first failure'))
  await settle()
  t.strictSame([stops, settled], [1, false])
  end('a', new Error('stopped'))
  t.equal(await watched, 'second job, first failure')
  t.equal(stops, 2)
})
