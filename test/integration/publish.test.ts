/** Publishing to a real S3 server (Ceph RGW), with faults made by a proxy between: complete or invisible, and repaired by the same command. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { openConditionalWriter } from '../../pipeline/release/conditional.js'
import type { ChannelDocument, IndexDocument, ReleaseDocument } from '../../pipeline/release/documents.js'
import { textBody } from '../../pipeline/tools/body.js'
import { allowedSigners, bareSshKey } from '../../pipeline/tools/signature.js'
import { makeSshKey } from '../fixtures/keys.js'
import { runMain } from '../fixtures/main-run.js'
import { makePublicBucket } from '../fixtures/public-bucket.js'
import { makeRelease, usualFiles } from '../fixtures/release.js'
import { signedAnew } from '../fixtures/resign.js'
import { addressOf, bucket, proxy, read, server, versionOf, visible, world, written } from '../fixtures/publish-world.js'

t.test('artifacts travel first, then what describes them, the release index, the list, and the pointer before the views', async t => {
  const { release, publish, prefix } = world(t.testdir({}))
  const made = await release()
  const { code, stdout, stderr } = await publish(made)
  t.equal(code, 0, stderr)
  t.equal(stdout, `${addressOf(prefix)}ciab/${encodeURIComponent(versionOf(made))}/index.json\n`)
  const keys = written(prefix)
  const folder = `ciab/${versionOf(made)}/`
  const last = (part: string) => keys.lastIndexOf(`${folder}${part}`)
  const first = (part: string) => keys.indexOf(`${folder}${part}`)
  t.ok(Math.max(last('kvm/ciab.qcow2'), last('vmware/ciab.vmdk'), last('kvm/empty')) < Math.min(first('SHA256SUMS'), first('sbom.cdx.json'), first('SHA256SUMS.sig')))
  t.same(keys.slice(-5), [`${folder}index.json`, 'ciab/index.json', 'ciab/channels/nightly.json', 'ciab/index.json', 'index.html'])
  t.same(await visible(t, prefix), [versionOf(made)])
  const [disk, readme] = await Promise.all([bucket.head(`${prefix}${folder}kvm/ciab.qcow2`), bucket.get(`${prefix}${folder}kvm/README für alle.txt`)])
  t.match(disk, { sizeBytes: usualFiles.kvm['ciab.qcow2'] })
  t.equal(readme?.text, 'read me\n')
})

t.test('what was published is checked by sha256sum, jq and ssh-keygen alone', async t => {
  const { release, publish, prefix, key, folder } = world(t.testdir({}))
  const made = await release()
  t.equal((await publish(made)).code, 0)
  const copy = join(folder, 'copy')
  const base = `${prefix}ciab/${versionOf(made)}/`
  const names = (await bucket.list(base)).map(object => object.key.slice(base.length)).filter(name => !/qcow2|vmdk/.test(name))
  for (const name of names) {
    mkdirSync(dirname(join(copy, name)), { recursive: true })
    writeFileSync(join(copy, name), (await bucket.get(`${base}${name}`))?.text ?? '')
  }
  writeFileSync(join(copy, 'allowed_signers'), allowedSigners([bareSshKey(readFileSync(`${key}.pub`, 'utf8'))]))
  const sh = (script: string) => execFileSync('bash', ['-ec', script], { cwd: copy, encoding: 'utf8', stdio: 'pipe' })
  const verify = 'ssh-keygen -Y verify -f allowed_signers -I release -n appliance-release'
  t.match(sh(`${verify} -s SHA256SUMS.sig < SHA256SUMS`), /^Good "appliance-release" signature for release /)
  t.match(sh(`cd kvm; ${verify.replace('-f ', '-f ../')} -s SHA256SUMS.sig < SHA256SUMS; grep -v qcow2 SHA256SUMS | sha256sum --check --quiet --strict`), /^Good/)
  t.equal(sh('sha256sum --check --strict --ignore-missing SHA256SUMS | grep -c OK').trim(), String(names.filter(name => !/^(index\.json|SHA256SUMS.*)$|chunks$/.test(name)).length))
  t.match(sh(`jq -r '.signatures[0].text' index.json > sig; jq -jcS .signed index.json | ${verify} -s sig`), /^Good/)
})

t.test('a release that is there already sends nothing again', async t => {
  const { release, publish } = world(t.testdir({}))
  const made = await release()
  t.equal((await publish(made)).code, 0)
  proxy.clear()
  const again = await publish(made, '--json')
  t.equal(again.code, 0, again.stderr)
  t.match(JSON.parse(again.stdout), { address: /\/$/, index: /\/index\.json$/, page: /\/index\.html$/, sentBytes: 0, moved: false, version: versionOf(made), signed: true, verified: true })
  t.notOk(proxy.requests.some(({ method, path }) => method === 'PUT' && path.includes('qcow2')))
})

t.test('what did not pass its verification, was changed, or is not finished is refused and leaves nothing behind', async t => {
  const { release, publish, prefix, folder } = world(t.testdir({}))
  const failed = await release({ version: '1', verified: false })
  const changed = await release({ version: '2' })
  appendFileSync(join(changed, 'kvm/start.sh'), '# changed\n')
  const extra = await release({ version: '3' })
  writeFileSync(join(extra, 'kvm/extra'), 'x')
  const unsigned = await makeRelease(folder, { version: '4' })
  const none = await release({ version: '5', verified: 'none' })
  const table: [string, string][] = [
    [failed, `error: ${failed} was not published: its verification is not complete. (pipeline verify ${failed} on the host that built it; or --allow-unverified, which marks it and never moves stable)\n  kvm: ready: it stands still\n  vmware: ready: it stands still\n`],
    [changed, `error: ${changed} was not published: its files are not those that its sums and manifest name. (if the change is wanted: pipeline verify ${changed}, then pipeline sign ${changed})\n  kvm/start.sh: changed\n`],
    [extra, `error: ${extra} was not published: its files are not those that its sums and manifest name. (if the change is wanted: pipeline verify ${extra}, then pipeline sign ${extra})\n  kvm/extra: not in SHA256SUMS\n`],
    [unsigned, `error: ${unsigned} was not published: it lacks sbom.cdx.json and provenance.json. (pipeline sign ${unsigned} writes them (without a key, too: the release is then unsigned and says so))\n`],
    [none, `error: ${none} was not published: its verification is not complete. (pipeline verify ${none} on the host that built it; or --allow-unverified, which marks it and never moves stable)\n  verification.json is missing or cannot be read\n`],
  ]
  for (const [made, message] of table) t.same(await publish(made), { code: 6, stdout: '', stderr: message })
  t.same(await bucket.list(prefix), [])
})

t.test('an unverified release is marked, and stable never points to it', async t => {
  const { release, publish, prefix, tree } = world(t.testdir({}))
  const made = await release({ verified: false })
  const stable = await publish(made, '--allow-unverified', '--channel', 'stable')
  t.same([stable.code, stable.stderr], [6, 'publishing a release that is NOT VERIFIED; it is marked so\nerror: 1.0.0+20260101.aaaaaaaa is not verified, and stable never points to such a release. (not published yet: verify it first; published already, it stays as it is: build another version, verify and publish that; or choose another channel)\n'])
  t.equal((await publish(made, '--allow-unverified')).code, 0)
  t.match(await read<ReleaseDocument>(prefix, `ciab/${versionOf(made)}/index.json`), { verified: false })
  t.match((await tree('promote', 'nightly', 'stable')).stderr, /error: 1\.0\.0\S+ is not verified, and stable never points to such a release\./)
  t.equal(await bucket.get(`${prefix}ciab/channels/stable.json`), undefined)
})

t.test('promote moves without an upload, retract goes back, prune keeps what channels point to', async t => {
  const { release, publish, prefix, tree, to } = world(t.testdir({}))
  const files = { kvm: { disk: 'x' } }
  for (const version of ['1', '2', '3', '4']) t.equal((await publish(await release({ version, files }))).code, 0)
  t.equal((await tree('promote', 'nightly', 'stable')).stdout, '4\n')
  t.equal((await tree('retract', 'nightly', '--reason', 'it does not boot')).stdout, 'nightly -> 3\nstable -> nothing\n')
  t.match(await read<IndexDocument>(prefix, 'ciab/index.json'), { releases: [{ version: '4', retracted: { reason: 'it does not boot' } }, { version: '3' }, { version: '2' }, { version: '1' }] })
  t.equal((await tree('promote', 'nightly', 'stable')).stdout, '3\n')
  t.equal((await publish(await release({ version: '5', files }))).code, 0)
  const asked = proxy.requests.length
  const dry = await tree('prune', '--keep', '1', '--dry-run')
  t.same(proxy.requests.slice(asked).filter(({ method }) => !['GET', 'HEAD'].includes(method)), [], 'a dry run writes nothing')
  t.equal(dry.stdout, 'would remove 4\nwould remove 2\nwould remove 1\nwould free 0.0 GiB\n')
  t.equal((await bucket.list(`${prefix}ciab/1/`)).length > 0, true, 'a dry run deletes nothing')
  t.equal((await tree('prune', '--keep', '1')).stdout, 'removed 4\nremoved 2\nremoved 1\nfreed 0.0 GiB\n')
  t.same((await visible(t, prefix)).sort(), ['3', '5'])
  t.same(await bucket.list(`${prefix}ciab/4/`), [])
  t.match(await read<ChannelDocument>(prefix, 'ciab/channels/nightly.json'), { current: { version: '5' }, previous: [{ version: '3' }] })
  const listed = await runMain(['releases', '--to', to])
  t.match(listed.stdout, /^ciab nightly -> 5, until \d{4}-\d\d-\d\d\nciab stable -> 3, until \d{4}-\d\d-\d\d\nciab 5 /)
})

t.test('a version that is published never changes', async t => {
  const { release, publish } = world(t.testdir({}))
  t.equal((await publish(await release())).code, 0)
  // The same version with other random bytes.
  const other = await publish(await release())
  t.equal(other.code, 6)
  t.match(other.stderr, /error: This version is published already, with other files: ciab\/1\.0\.0\+20260101\.aaaaaaaa\/index\.json\./)
  t.match(other.stderr, '  kvm/ciab.qcow2: is another file\n')
})

t.test('of two publishers at once one moves the channel and the other is told, both releases are whole', async t => {
  const { release, args, prefix, folder } = world(t.testdir({}))
  const made = [await release({ version: '1' }), await release({ version: '2' })]
  const ended = await Promise.all(made.map((each, at) => runMain(args(each, '--store', join(folder, `state ${at}`)))))
  t.same(ended.map(({ code }) => code).sort(), [0, 6], ended.map(({ stderr }) => stderr).join(''))
  const loser = ended.find(({ code }) => code === 6)
  t.match(loser?.stderr, /error: Another publisher moved nightly to [12] in the meantime; it stays there\./)
  t.same((await visible(t, prefix)).sort(), ['1', '2'])
})

t.test('of eight writers of one object one wins, whatever the server answers to the others', async t => {
  const { prefix } = world(t.testdir({}))
  const options = { bucket, prefix, signal: new AbortController().signal, patienceMs: 20_000, progress: t.fail }
  const writer = await openConditionalWriter(options)
  t.equal(writer.conditions, 'bare', 'RGW 16.2 compares If-Match with the bare ETag')
  const headers = { contentType: 'text/plain', cacheControl: 'no-cache' }
  for (let round = 0; round < 5; round += 1) {
    const seen = (await bucket.head(`${prefix}x`)) ?? null
    const texts = Array.from({ length: 8 }, (_, at) => `round ${round}, writer ${at}`)
    const results = await Promise.all(texts.map(text => writer.write(`${prefix}x`, text, seen, headers)))
    const winners = texts.filter((_, at) => results[at]?.won)
    t.same(winners, [(await bucket.get(`${prefix}x`))?.text])
  }
})

t.test('where a server knows no conditions that is said, and of two publishers at once one still wins', async t => {
  const conditions = ['if-match', 'if-none-match']
  const servers: Record<string, () => void> = {
    'ignores them': () => conditions.forEach(header => proxy.fault({ header }, { kind: 'request', change: seen => signedAnew(seen, { without: conditions, secret: 'demosecret' }) })),
    'answers 501': () => conditions.forEach(header => proxy.fault({ header }, { kind: 'answer', status: 501, code: 'NotImplemented' })),
  }
  for (const [name, begin] of Object.entries(servers)) {
    const { release, args, prefix, folder } = world(t.testdir({}))
    const files = { kvm: { disk: 'x' } }
    const made = [await release({ version: '1', files }), await release({ version: '2', files })]
    begin()
    const ended = await Promise.all(made.map((each, at) => runMain(args(each, '--store', join(folder, `state ${at}`)))))
    t.same(ended.map(({ code }) => code).sort(), [0, 6], `${name}: ${ended.map(({ stderr }) => stderr).join('')}`)
    for (const { stderr } of ended) t.match(stderr, /^http:\S+ does not obey If-Match and If-None-Match\. Publishers take turns by claims instead: each writes one, looks for others, and steps back when it sees one\. That needs a server whose lists are up to date\.$/m, name)
    t.match(ended.find(({ code }) => code === 6)?.stderr, /error: Another publisher moved nightly to [12] in the meantime; it stays there\./)
    t.same((await visible(t, prefix)).sort(), ['1', '2'], name)
    t.same((await bucket.list(prefix)).filter(({ key }) => /claim-|probe-/.test(key)), [], 'no claim and no probe is left')
  }
})

t.test('a prefix with slashes around it is the same tree, and none at all is the top of the bucket', async t => {
  const { release, publish, to, prefix } = world(t.testdir({}))
  const made = await release({ files: { kvm: { disk: 'x' } } })
  const without = to.replace(/\/$/, '')
  t.equal((await publish(made, '--to', without)).code, 0)
  for (const same of [`${without}/`, without.replace(/([^/])\/tree/, '$1//tree')]) {
    const again = await publish(made, '--to', same, '--json')
    t.match(JSON.parse(again.stdout), { sentBytes: 0, moved: false }, same)
  }
  t.same(await visible(t, prefix), [versionOf(made)])
  const top = to.slice(0, to.indexOf('/', 's3://'.length))
  t.equal((await publish(made, '--to', top)).code, 0)
  t.ok(await bucket.head(`ciab/${versionOf(made)}/index.json`))
})

t.test('an index that somebody has changed in the bucket is refused before anything is written', async t => {
  const { release, publish, tree, prefix } = world(t.testdir({}))
  t.equal((await publish(await release({ version: '1' }))).code, 0)
  const key = `${prefix}ciab/index.json`
  const text = (await bucket.get(key))?.text ?? ''
  const changed = textBody(text.replace('"verified": true', '"verified": false'))
  t.not(changed.sha256, textBody(text).sha256)
  await bucket.put(key, changed, { contentType: 'application/json', cacheControl: 'no-cache', sha256: changed.sha256 })
  const before = await bucket.list(prefix)
  const refusal = 'error: The signature of ciab/index.json does not fit: it was changed, or signed by a key that is not trusted here. (do not use it; ask the publisher, and compare the key given with --key or in keys/)\n'
  for (const refused of [await publish(await release({ version: '2' })), await tree('promote', 'nightly', 'stable'), await tree('retract', '1', '--reason', 'x'), await tree('prune', '--keep', '0')]) {
    t.same([refused.code, refused.stdout, refused.stderr], [5, '', refusal])
  }
  t.same(await bucket.list(prefix), before)
})

t.test('a tree that somebody else has signed or changed is not built upon', async t => {
  const { release, publish, prefix, folder } = world(t.testdir({}))
  const made = await release()
  t.equal((await publish(made)).code, 0)
  const other = makeSshKey(join(folder, 'other'))
  t.equal((await runMain(['sign', made, '--sign-key', other, '--store', join(folder, 'state')])).code, 0)
  const foreign = await publish(made, '--sign-key', other)
  t.same([foreign.code, foreign.stderr.split('\n')[0]], [5, 'error: The signature of ciab/channels/nightly.json does not fit: it was changed, or signed by a key that is not trusted here. (do not use it; ask the publisher, and compare the key given with --key or in keys/)'])
  const signature = async () => (await bucket.get(`${prefix}ciab/${versionOf(made)}/SHA256SUMS.sig`))?.text
  const before = await signature()
  t.ok(before)
  const trusted = await publish(made, '--sign-key', other, '--key', `${join(folder, 'key')}.pub`)
  t.equal(trusted.code, 0, trusted.stderr)
  t.match(trusted.stderr, 'is published already with the same artifacts: what describes them stays as it was published')
  t.equal(await signature(), before, 'signed by the key of before')
})

t.test('without a key everything says that it is unsigned, and a signed tree stays signed', async t => {
  const { prefix, to, state, folder, release, publish } = world(t.testdir({}))
  const bare = await makeRelease(folder, { version: '1' })
  const signed = await runMain(['sign', bare, '--store', state])
  t.match(signed.stderr, 'sign: no key given, this release is UNSIGNED')
  const { code, stderr } = await runMain(['publish', bare, '--to', to, '--store', state])
  t.equal(code, 0, stderr)
  t.match(stderr, /nightly now points to 1 \(UNSIGNED\)/)
  t.match((await runMain(['releases', '--to', to])).stdout, /^ciab nightly -> 1, until \S+ UNSIGNED\nciab 1 .*UNSIGNED\)\n$/)
  t.match(await read<ReleaseDocument>(prefix, 'ciab/1/index.json'), { signatures: [] })
  const made = await release({ version: '2' })
  t.match((await publish(made)).stderr, 'error: ciab/channels/nightly.json is not signed; signing it now would vouch for what anybody may have written there.')
  t.equal((await publish(made, '--adopt-unsigned')).code, 0)
  const third = await makeRelease(folder, { version: '3' })
  t.equal((await runMain(['sign', third, '--store', state])).code, 0)
  t.match((await runMain(['publish', third, '--to', to, '--store', state])).stderr, 'error: ciab/channels/nightly.json is signed, and this command has no key to sign it again.')
})

t.test('what no patience overcomes is told with what to do, and nothing of the release is seen', async t => {
  await server.addUser('other', 'otherkey', 'othersecret')
  const readOnly = `read-only-${process.pid}`
  await makePublicBucket(server.url, readOnly)
  const wrongEtag = { kind: 'headers', headers: { etag: '"00000000000000000000000000000000"' } } as const
  const table: Record<string, { env?: Record<string, string>; fault?: () => void; more?: string[]; message: RegExp }> = {
    'no bucket': { more: ['--to', 's3://nowhere/x'], message: /^error: Looking for|^error: Uploading x\/\.probe-\w+: there is no bucket "nowhere" at http:\S+\. \(create it, or correct --to and --endpoint\)$/m },
    'a bucket of somebody else': { env: { AWS_ACCESS_KEY_ID: 'otherkey', AWS_SECRET_ACCESS_KEY: 'othersecret' }, message: /does not allow these credentials to do that in "images-\d+"\. \(let them read, write, list and delete there, then run the same command again/ },
    'a bucket that may only be read': { env: { AWS_ACCESS_KEY_ID: 'otherkey', AWS_SECRET_ACCESS_KEY: 'othersecret' }, more: ['--to', `s3://${readOnly}/x`], message: /^error: Uploading x\/\.probe-\w+: \S+ does not allow these credentials to do that in "read-only-\d+"\. \(let them read, write, list and delete there, then run the same command again/m },
    'a wrong secret': { env: { AWS_SECRET_ACCESS_KEY: 'wrongsecret' }, message: /does not accept the credentials \(403 SignatureDoesNotMatch\)\. \(correct them, then run/ },
    'an unknown key': { env: { AWS_ACCESS_KEY_ID: 'nobody' }, message: /does not accept the credentials \(403 InvalidAccessKeyId\)/ },
    'credentials that expire in the middle (a stand-in answer)': { fault: () => void proxy.fault({ method: 'PUT', path: /partNumber=2/ }, { kind: 'answer', status: 400, code: 'ExpiredToken' }), message: /the credentials have expired \(400 ExpiredToken\)\. \(renew them, then run the same command again: what has travelled is kept\)/ },
    'a wrong ETag for ever': { fault: () => void proxy.fault({ method: 'PUT', path: /partNumber=1/ }, wrongEtag), message: /did not store what was sent \(its ETag is 0{32}, the MD5 is [0-9a-f]{32}\)/ },
    '503 for ever': { fault: () => void proxy.fault({ method: 'PUT', path: /qcow2/ }, { kind: 'answer', status: 503, code: 'SlowDown' }), more: ['--patience', '1'], message: /keeps answering 503 SlowDown, tried for \d+ s\. \(wait until it works, then run/ },
  }
  for (const [name, { env = {}, fault, more = [], message }] of Object.entries(table)) {
    const { release, publish, prefix } = world(t.testdir({}))
    const made = await release()
    fault?.()
    const before = { ...process.env }
    Object.assign(process.env, env)
    const { code, stdout, stderr } = await publish(made, ...more)
    Object.assign(process.env, before)
    t.same([code, stdout], [6, ''], `${name}: ${stderr}`)
    t.match(stderr, message, name)
    t.notMatch(stderr, /demosecret|othersecret|wrongsecret/, 'no secret is shown')
    t.same(await visible(t, prefix), [], name)
    proxy.clear()
    // Where nothing had begun, nothing could be repaired.
    if (fault) t.equal((await publish(made)).code, 0, `${name}: the same command again`)
  }
})

t.test('a gateway that is gone for a while is waited for', async t => {
  const { release, publish, prefix } = world(t.testdir({}))
  const made = await release()
  proxy.fault({ method: 'PUT', path: /partNumber=2/, times: 1 }, { kind: 'call', run: () => server.leave() })
  const running = publish(made, '--patience', '120')
  while (proxy.requests.filter(({ path }) => path.includes('partNumber=2')).length < 2) await new Promise(resolve => setTimeout(resolve, 100))
  await server.comeBack()
  const { code, stderr } = await running
  t.equal(code, 0, stderr)
  t.same(await visible(t, prefix), [versionOf(made)])
})

t.test('a dry run lists every object and asks no server', async t => {
  const { release, publish, prefix } = world(t.testdir({}))
  const made = await release()
  const { code, stdout } = await publish(made, '--dry-run', '--json')
  const listed = (JSON.parse(stdout) as { objects: { key: string }[] }).objects.map(({ key }) => key).sort()
  t.equal(code, 0)
  t.same(proxy.requests, [])
  t.equal((await publish(made)).code, 0)
  t.same((await bucket.list(prefix)).map(({ key }) => key).sort(), listed)
  t.ok(existsSync(made))
})
