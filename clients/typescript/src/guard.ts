import type { Caller } from './verdict.js'
import { RefusedError, type Trace, type Verifier } from './verifier.js'

/** What a route asks of a key. `R` is the framework’s request. */
export interface Rule<R> {
  /** Scopes that the key must grant, all of them. */
  scopes?: readonly string[]
  /**
   * Gives the project that the request is about: a key of another one is refused. Without it no project is
   * checked, and the handler has to look at the caller’s `projectId`.
   */
  project?: (request: R) => string | undefined
}

/** How a request is answered that is not let through. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly headers: Record<string, string>
  constructor(
    readonly status: 400 | 401 | 403 | 503,
    sentence: string,
    headers: Record<string, string> = {},
  ) {
    super(sentence)
    this.headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...headers }
  }

  get body(): string {
    return JSON.stringify({ error: this.message })
  }
}

/** Whether the caller’s key has the scope, by name or by `*`. */
export const grants = ({ scopes }: Caller, scope: string): boolean => scopes.includes(scope) || scopes.includes('*')

/** All values of a header of the request. */
export type Values = (name: string) => readonly string[]

/** They, of a request of Node: one of HTTP/2 has `rawHeaders` and no `headersDistinct`. */
export const valuesOf =
  ({ rawHeaders }: { rawHeaders: readonly string[] }): Values =>
  (name) =>
    rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1]!.toLowerCase() === name)

const unauthorized = (challenge: string) =>
  new Refusal(401, 'A valid API key is required.', { 'WWW-Authenticate': challenge })
const INVALID = 'Bearer error="invalid_token"'

/**
 * Judges a request by its headers.
 * @throws {Refusal} where it is not let through
 */
export async function judge<R>(verifier: Verifier, rule: Rule<R>, request: R, values: Values): Promise<Caller> {
  const key = credential(values)
  const trace: Trace = { traceparent: values('traceparent')[0], tracestate: values('tracestate')[0] }
  const caller = await verifier.verify(key, trace).catch((error: unknown) => {
    throw refusalFor(error)
  })
  if (rule.project && caller.projectId !== undefined && caller.projectId !== rule.project(request)) {
    throw new Refusal(403, 'The API key is for another project.')
  }
  const missing = rule.scopes?.find((scope) => !grants(caller, scope))
  if (missing !== undefined) throw new Refusal(403, `The API key lacks the scope ${missing}.`)
  return caller
}

function refusalFor(error: unknown): Refusal {
  if (!(error instanceof RefusedError)) {
    return new Refusal(503, 'API keys cannot be verified right now.', { 'Retry-After': '1' })
  }
  if (error.code === 'organization_suspended') return new Refusal(403, 'The organization is suspended.')
  return unauthorized(INVALID)
}

/** The key in `Authorization` or `X-API-Key`, read as the service itself reads them. */
function credential(values: Values): string {
  const authorization = only(values, 'Authorization')
  const key = only(values, 'X-API-Key')
  const [, scheme = '', token = ''] = /^([^ ]*) *(.*)$/s.exec(authorization) ?? []
  const isBearer = scheme.toLowerCase() === 'bearer'
  const isGiven = authorization !== '' && !(isBearer && token === '')
  if (!isGiven && key === '') throw unauthorized('Bearer')
  if (!isGiven) return key
  if (key !== '' && !(isBearer && token === key)) {
    throw new Refusal(400, '`Authorization` and `X-API-Key` must not hold different credentials.')
  }
  if (!isBearer) throw unauthorized(INVALID)
  return token
}

function only(values: Values, name: string): string {
  const [value = '', ...more] = values(name.toLowerCase())
  if (more.length > 0) throw new Refusal(400, `\`${name}\` must be given only once.`)
  return value.trim()
}
