import t from 'tap'
import { classify } from '../../pipeline/tools/s3-answer.js'

const answered = (status: number, name: string) => ({ name, message: 'x', $metadata: { httpStatusCode: status } })
const place = { doing: 'Uploading x', bucket: 'images', server: 'http://s3' }

t.test('each answer is sorted by what helps, and told by its own error', async t => {
  const table: [unknown, string, string][] = [
    [answered(503, 'SlowDown'), 'again', 'server-failing'],
    [answered(500, 'UnknownError'), 'again', 'server-failing'],
    [answered(409, 'ConditionalRequestConflict'), 'again', 'server-failing'],
    [answered(409, 'OperationAborted'), 'again', 'server-failing'],
    [answered(409, 'BucketNotEmpty'), 'final', 'server-refused'],
    [answered(501, 'NotImplemented'), 'final', 'server-lacks'],
    [answered(429, 'TooManyRequests'), 'again', 'server-failing'],
    [answered(400, 'RequestTimeout'), 'again', 'server-failing'],
    [answered(403, 'RequestTimeTooSkewed'), 'clock', 'clock-wrong'],
    [answered(400, 'BadDigest'), 'damaged', 'stored-wrong'],
    [answered(400, 'ExpiredToken'), 'final', 'credentials-expired'],
    [answered(403, 'InvalidAccessKeyId'), 'final', 'credentials-wrong'],
    [answered(403, 'AccessDenied'), 'final', 'bucket-denied'],
    [answered(403, '403'), 'clock', 'bucket-denied'],
    [answered(404, 'NoSuchBucket'), 'final', 'bucket-missing'],
    [answered(301, 'PermanentRedirect'), 'final', 'region-wrong'],
    [answered(400, 'InvalidRequest'), 'final', 'server-refused'],
    [{ name: 'CredentialsProviderError', message: 'no' }, 'final', 'credentials-missing'],
    [new Error('Region is missing'), 'final', 'region-missing'],
    [new Error('Region not accepted: region="x!" is not a valid hostname component.'), 'final', 'region-missing'],
    [{ name: 'Error', code: 'ECONNREFUSED', message: 'x' }, 'again', 'server-unreachable'],
    [{ name: 'TimeoutError', message: 'x' }, 'again', 'server-unreachable'],
    [{ name: 'Error', message: 'socket hang up' }, 'again', 'server-unreachable'],
  ]
  for (const [thrown, kind, code] of table) {
    const failure = classify(thrown)
    t.same([failure?.kind, failure?.error(place, 7).code, failure?.error(place, 7).exitCode], [kind, code, 6], code)
  }
})

t.test('a message says what was done where, what came back, and what to do', async t => {
  const { message, hint } = classify(answered(503, 'SlowDown'))?.error(place, 7) ?? {}
  t.same([message, hint], ['Uploading x: http://s3 keeps answering 503 SlowDown, tried for 7 s.', 'wait until it works, then run the same command again: what has travelled is kept'])
})

t.test('an endpoint of the AWS configuration that is none is told as such', async t => {
  const error = classify({ name: 'EndpointError', message: 'Custom endpoint `localhost://9000` was not a valid URI' })?.error(place, 0)
  t.match(error, { code: 'endpoint-wrong', exitCode: 2, message: '"localhost://9000" is no address of an S3 server.' })
})

t.test('a bug of ours is none of the server', async t => {
  t.equal(classify(new TypeError('x is not a function')), undefined)
})
