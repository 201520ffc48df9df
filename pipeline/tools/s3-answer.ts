/** Sorts what went wrong with an S3 request: worth another try, or an error that says what to do. Pure. */
import type { PipelineError } from '../errors/pipeline-error.js'
import * as catalogue from '../errors/publish.js'
import type { S3Place } from '../errors/publish.js'

export interface S3Failure {
  /** `again`: may pass by itself. `clock`, `damaged`: a few tries, no more. `final`: no try helps. */
  readonly kind: 'again' | 'clock' | 'damaged' | 'final'
  /** For people: `503 SlowDown`, `connection refused`. */
  readonly answer: string
  /** HTTP status; absent when no answer came. */
  readonly status?: number
  /** The request was refused (400, 403), and nothing says why. */
  readonly isBare?: boolean
  readonly error: (place: S3Place, triedSeconds: number) => PipelineError
}

interface Thrown {
  readonly name?: string
  readonly code?: string
  readonly message?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
}

/** Undefined for what is no answer of a server and no trouble of the network: a bug of ours. */
export function classify(thrown: unknown): S3Failure | undefined {
  const { name = '', code, $metadata, message = '' } = thrown as Thrown
  if (/CredentialsProviderError|CredentialsError/.test(name)) return final(name, place => /expired/i.test(message) ? catalogue.credentialsExpired(place, message) : catalogue.credentialsMissing(place))
  const unsent = settingProblem(name, message)
  if (unsent) return unsent
  const status = $metadata?.httpStatusCode
  if (status !== undefined) return { ...ofAnswer(name, status), status }
  const problem = networkProblem(name, code ?? '', message)
  return problem === undefined ? undefined : { kind: 'again', answer: problem, error: (place, seconds) => catalogue.serverUnreachable(place, problem, seconds) }
}

/** What the SDK finds wrong in the settings, before it sends anything. */
function settingProblem(name: string, message: string): S3Failure | undefined {
  if (/^Region (is missing|not accepted)/.test(message)) return final(message, place => catalogue.regionMissing(place, message))
  if (name === 'EndpointError') return final(name, () => catalogue.endpointWrong(/`(.*)`/.exec(message)?.[1] ?? message))
  return undefined
}

const expired = /^(ExpiredToken|ExpiredTokenException|TokenRefreshRequired|RequestExpired)$/
const wrong = /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidToken|UnrecognizedClientException|InvalidClientTokenId)$/
const skewed = /^(RequestTimeTooSkewed|RequestInTheFuture)$/
/** The bytes were damaged on their way. */
const damaged = /^(BadDigest|XAmzContentSHA256Mismatch|InvalidDigest|IncompleteBody|XAmzContentChecksumMismatch)$/
const elsewhere = /^(PermanentRedirect|AuthorizationHeaderMalformed|TemporaryRedirect)$/

/** No waiting helps: the server does not know such a request. */
export const notImplemented = 501

/** AWS, when writes of one object meet: says nothing of the condition, so whoever writes looks and tries again. */
const collided = /^(ConditionalRequestConflict|OperationAborted)$/

function ofAnswer(name: string, status: number): S3Failure {
  const known = name !== '' && !/^(UnknownError|Error|Unknown|\d+)$/.test(name)
  const answer = known ? `${status} ${name}` : String(status)
  if (skewed.test(name)) return { kind: 'clock', answer, error: place => catalogue.clockWrong(place) }
  if (damaged.test(name)) return { kind: 'damaged', answer, error: place => catalogue.storedWrong(place, answer) }
  if (expired.test(name)) return final(answer, place => catalogue.credentialsExpired(place, answer))
  if (wrong.test(name)) return final(answer, place => catalogue.credentialsWrong(place, answer))
  if (name === 'NoSuchBucket') return final(answer, catalogue.bucketMissing)
  if (elsewhere.test(name)) return final(answer, place => catalogue.regionWrong(place, answer))
  if (status === notImplemented) return final(answer, place => catalogue.serverLacks(place, answer))
  if (status >= 500 || status === 429 || name === 'SlowDown' || name === 'RequestTimeout' || collided.test(name)) {
    return { kind: 'again', answer, error: (place, seconds) => catalogue.serverFailing(place, answer, seconds) }
  }
  const isBare = !known && (status === 400 || status === 403)
  // An answer to HEAD has no body that says why. The SDK has learned the server's time from it: a wrong clock is overcome.
  if (status === 403) return { ...final(answer, catalogue.bucketDenied), kind: known ? 'final' : 'clock', isBare }
  return { ...final(answer, place => catalogue.serverRefused(place, answer)), isBare }
}

function final(answer: string, error: (place: S3Place) => PipelineError): S3Failure {
  return { kind: 'final', answer, error }
}

const networkCodes: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection cut',
  EPIPE: 'connection cut',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to it',
  ENETUNREACH: 'no network',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP',
}

function networkProblem(name: string, code: string, message: string): string | undefined {
  const known = networkCodes[code]
  if (known !== undefined) return known
  if (name === 'TimeoutError' || /socket hang up|aborted|premature/i.test(message)) return name === 'TimeoutError' ? 'no answer' : 'connection cut'
  if (/^(HPE_|ERR_HTTP|ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) return code
  // What is no S3 answer at all: a captive portal's page, half of an XML document.
  if (/deserialization error|char .* is not expected|Unclosed|xml/i.test(message)) return 'its answer is not that of an S3 server'
  return undefined
}
