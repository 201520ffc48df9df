/** A tree, or a part of it, that somebody has put back to an older state is refused; an honest one never. The bucket is a stand-in in memory. */
import t from 'tap'
import { join } from 'node:path'
import type { ChannelDocument, IndexDocument, Sealed } from '../../pipeline/release/documents.js'
import { promote, retract } from '../../pipeline/release/manage.js'
import { prune, wouldPrune } from '../../pipeline/release/prune.js'
import { changingHeaders } from '../../pipeline/release/object-headers.js'
import { channelPlace, indexPlace, readDocument, writeDocument } from '../../pipeline/release/published-tree.js'
import type { Tree } from '../../pipeline/release/published-tree.js'
import { publish } from '../../pipeline/release/publish.js'
import { readAppliance } from '../../pipeline/release/put-back.js'
import { textBody } from '../../pipeline/tools/body.js'
import { failureOf } from '../fixtures/failure.js'
import { makeSshKey } from '../fixtures/keys.js'
import { localRelease, requestOf } from '../fixtures/local-release.js'
import type { MemoryBucket } from '../fixtures/memory-bucket.js'
import { memorySerials, memoryTree } from '../fixtures/memory-tree.js'
import { channelDocument } from '../fixtures/published-documents.js'

const publicUrl = 'https://downloads.example.org/'
const [index, nightly] = ['p/ciab/index.json', 'p/ciab/channels/nightly.json']

const publishing = (folder: string, version: string) => async (tree: Tree) =>
  await publish(tree, requestOf(await localRelease(folder, version, { SHA256SUMS: version }, tree.sign ? { signatures: ['ssh'] } : {}), join(folder, 'state')))

/** Every command that seals documents anew. */
const commandsOf = (folder: string): Readonly<Record<string, (tree: Tree) => Promise<unknown>>> => ({
  publish: publishing(folder, '4'),
  promote: tree => promote(tree, { appliance: 'ciab', from: 'nightly', to: 'stable', publicUrl }),
  retract: tree => retract(tree, { appliance: 'ciab', what: 'nightly', reason: 'no', publicUrl }),
  prune: tree => prune(tree, { appliance: 'ciab', keep: 0, keepStable: 0, staleMs: 0, publicUrl }),
})

/** Three releases in nightly, and index and pointer as they were after the first. */
async function published(folder: string) {
  const made = await memoryTree()
  const old: Record<string, string> = {}
  for (const version of ['1', '2', '3']) {
    await publishing(folder, version)(made.tree)
    for (const key of [index, nightly]) old[key] ??= made.bucket.objects.get(key)?.bytes.toString() ?? ''
  }
  return { ...made, old, stranger: { ...made.tree, serials: memorySerials() } }
}

async function put(bucket: MemoryBucket, texts: Readonly<Record<string, string>>): Promise<void> {
  for (const [key, text] of Object.entries(texts)) await bucket.put(key, textBody(text), { ...changingHeaders(key), sha256: '' })
}

const serialIn = (bucket: MemoryBucket, key: string) => (JSON.parse(bucket.objects.get(key)?.bytes.toString() ?? '') as Sealed<IndexDocument | ChannelDocument>).signed.serial

const looking = (tree: Tree) => wouldPrune(tree, { appliance: 'ciab', keep: 0, keepStable: 0, staleMs: 0 })

t.test('what was put back is refused by every command, and nothing is written', async t => {
  const folder = t.testdir({})
  const table: Readonly<Record<string, { readonly back: readonly string[]; readonly gone?: string; readonly knows: boolean; readonly message: RegExp }>> = {
    'all of it, where this publisher has seen more': { back: [index, nightly], knows: true, message: /^ciab\/channels\/nightly\.json has serial 1, and it had serial 3 before/ },
    'the pointer, beside a newer index': { back: [nightly], knows: false, message: /^ciab\/channels\/nightly\.json has serial 1, and it had serial 3 before: it was put back to an older state\. Nothing was written\.$/ },
    'the index, beside a newer pointer': { back: [index], knows: false, message: /^ciab\/index\.json has serial 2, and it had serial 5 before/ },
    'a pointer that is gone': { back: [], gone: nightly, knows: false, message: /^ciab\/channels\/nightly\.json is gone, and it had serial 3 before/ },
    'an index that is gone': { back: [], gone: index, knows: false, message: /^ciab\/index\.json is gone, and it had serial 5 before/ },
  }
  for (const [what, { back, gone, knows, message }] of Object.entries(table)) {
    const { tree, stranger, bucket, old } = await published(folder)
    await put(bucket, Object.fromEntries(back.map(key => [key, old[key] ?? ''])))
    if (gone !== undefined) await bucket.remove([gone])
    for (const [name, command] of Object.entries({ ...commandsOf(folder), 'prune --dry-run': looking })) {
      bucket.calls.length = 0
      const failure = await failureOf(command(knows ? tree : { ...stranger, serials: memorySerials() }))
      t.same([failure.code, failure.exitCode], ['tree-put-back', 5], `${name}: ${what}`)
      t.match(failure.message, message)
      t.same(bucket.calls.filter(call => /^(put|putIf|tryPut|remove|start|finish|abort) /.test(call)), [], `${name} writes nothing: ${what}`)
    }
  }
})

t.test('a pointer that its owner has deleted is accepted once, and missed no more', async t => {
  const folder = t.testdir({})
  const { tree, bucket } = await published(folder)
  await promote(tree, { appliance: 'ciab', from: 'nightly', to: 'trial', publicUrl })
  await bucket.remove(['p/ciab/channels/trial.json'])
  t.equal((await failureOf(publishing(folder, '4')(tree))).code, 'tree-put-back')
  await publishing(folder, '4')({ ...tree, acceptOlder: true })
  for (const serials of [tree.serials, memorySerials()]) await publishing(folder, serials === tree.serials ? '5' : '6')({ ...tree, serials })
  const { document } = (await readDocument(tree, indexPlace('ciab'))) ?? {}
  t.strictSame(document?.channels, ['nightly'])
  const again = { appliance: 'ciab', from: 'nightly', to: 'trial', publicUrl }
  await promote(tree, again)
  t.equal(serialIn(bucket, 'p/ciab/channels/trial.json'), 2, 'above the one that readers have seen')
  t.strictSame((await readDocument(tree, indexPlace('ciab')))?.document.channels, ['nightly', 'trial'])
  await publishing(folder, '7')(tree)
})

t.test('an honest tree that has expired is renewed, by who knows it and by who does not', async t => {
  const folder = t.testdir({})
  for (const knows of [true, false]) {
    for (const [name, command] of Object.entries(commandsOf(folder))) {
      const { tree, stranger, bucket } = await published(folder)
      const later = new Date(tree.now().getTime() + 400 * 24 * 60 * 60 * 1000)
      const before = [index, nightly].map(key => serialIn(bucket, key))
      await command({ ...(knows ? tree : stranger), now: () => later })
      t.ok([index, nightly].every((key, at) => serialIn(bucket, key) > (before[at] ?? 0)), name)
      for (const place of [indexPlace('ciab'), channelPlace('ciab', 'nightly')] as const) {
        t.ok(Date.parse((await readDocument(tree, place))?.document.expires ?? '') > later.getTime(), `${name}: ${place.key}`)
      }
    }
  }
})

t.test('a signed tree that has expired is renewed by who knows it, or is told to; by nobody else, however often', async t => {
  const folder = t.testdir({})
  const { tree, bucket } = await memoryTree(makeSshKey(join(folder, 'key')))
  await publishing(folder, '1')(tree)
  const stranger = (now: number) => ({ ...tree, serials: memorySerials(), now: () => new Date(now) })
  const expiry = async () => Date.parse((await readDocument(tree, indexPlace('ciab')))?.document.expires ?? '')
  const first = await expiry()
  await publishing(folder, '2')(stranger(first - 1))
  t.ok((await expiry()) > first, 'until then by all')
  const expired = stranger(await expiry())
  bucket.calls.length = 0
  for (const [name, command] of Object.entries({ ...commandsOf(folder), again: publishing(folder, '3') })) {
    const failure = await failureOf(command(expired))
    t.match([failure.code, failure.exitCode, failure.message], ['tree-expired', 5, /^ciab\/index\.json expired 2026-/], name)
  }
  t.same(bucket.calls.filter(call => /^(put|putIf|tryPut|remove|start|finish|abort) /.test(call)), [], 'nothing is written')
  await publishing(folder, '3')({ ...expired, serials: tree.serials })
  t.ok((await expiry()) > expired.now().getTime(), 'by who knows it')
  const later = stranger(await expiry())
  await publishing(folder, '4')({ ...later, acceptOlder: true })
  t.ok((await expiry()) > later.now().getTime(), 'by who is told to')
})

t.test('who restored it on purpose goes on with --accept-older, above every serial that readers have seen', async t => {
  const folder = t.testdir({})
  for (const [name, command] of Object.entries(commandsOf(folder))) {
    const { tree, bucket, old } = await published(folder)
    const before = [index, nightly].map(key => serialIn(bucket, key))
    await put(bucket, old)
    await command({ ...tree, acceptOlder: true })
    t.ok([index, nightly].every((key, at) => serialIn(bucket, key) > (before[at] ?? 0)), name)
    await readAppliance(tree, 'ciab')
    await readAppliance({ ...tree, serials: memorySerials() }, 'ciab')
  }
})

t.test('another publisher at work makes nothing look old', async t => {
  const folder = t.testdir({})
  for (const moment of [`get ${index}`, `get ${nightly}`, 'list p/ciab/channels/']) {
    for (const at of [1, 2]) {
      const { stranger, bucket } = await published(folder)
      let seen = 0
      bucket.before = async call => {
        if (call !== moment || (seen += 1) !== at) return
        bucket.before = () => {}
        await publishing(folder, '4')({ ...stranger, serials: memorySerials() })
      }
      const { channels } = await readAppliance(stranger, 'ciab')
      t.match(channels, [{ document: { channel: 'nightly' } }], `${moment}, ${at}`)
    }
  }
})

t.test('the serial of what is not signed counts for nothing in a signed tree', async t => {
  const { tree } = await memoryTree(makeSshKey(join(t.testdir({}), 'key')))
  const { key } = channelPlace('ciab', 'nightly')
  const { sign: _none, ...keyless } = tree
  await writeDocument({ ...keyless, serials: memorySerials() }, key, { ...channelDocument('nightly', '1'), serial: 9000 }, null)
  t.equal((await readDocument(tree, channelPlace('ciab', 'nightly')))?.signed, false)
  t.equal(tree.serials.highest(key), 0)
})
