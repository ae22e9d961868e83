import { createHash } from 'node:crypto'
import { isFresh, now, readVerdict, type Caller, type Verdict } from './verdict.js'

const MAX_KEY_LENGTH = 512
const MAX_ANSWER_SIZE = 64 * 1024

export interface Options {
  /** Where the service’s internal listener is, such as `http://127.0.0.1:8081`. */
  url: string
  /**
   * For how many milliseconds a verdict may be kept; the service grants that or less, and answers a revocation
   * only when it is over. By default 300; 0: nothing is kept.
   */
  maxAgeMs?: number
  /** The limit for one question in milliseconds, connecting and retrying included. By default 1000. */
  timeoutMs?: number
  /** How many verdicts are kept at most. By default 10,000. */
  capacity?: number
  /**
   * How many questions may be under way at once: where there are that many, keys that are not kept are not asked
   * about. By default 256.
   */
  maxQuestions?: number
  /**
   * Gives the token of the cluster, where the service asks for one. It is called for each question, and has to give
   * it within its time limit.
   */
  token?: () => string | Promise<string>
  /** Carries the questions: give one of your own for a private authority or a client certificate. */
  fetch?: typeof fetch
}

/** The headers `traceparent` and `tracestate` of the request for which is asked. */
export interface Trace {
  traceparent?: string | undefined
  tracestate?: string | undefined
}

/** There is no verdict. Whoever asked is to be refused, with 503. */
export class UnavailableError extends Error {
  override name = 'UnavailableError'
}

/** The key is not good, for the reason that the service’s `code` says. */
export class RefusedError extends Error {
  override name = 'RefusedError'
  constructor(readonly code: string) {
    super(`the API key is not good: ${code}`)
  }
}

/** Asks the service about keys. */
export class Verifier {
  readonly #url: string
  readonly #options: Required<Omit<Options, 'url' | 'token'>> & Pick<Options, 'token'>
  /** By the hash of the key; the one that was used last is the last. */
  readonly #kept = new Map<string, Verdict>()
  /** The questions that are under way. */
  readonly #flights = new Map<string, Promise<Verdict>>()

  constructor({ url, token, ...options }: Options) {
    const { maxAgeMs = 300, timeoutMs = 1000, capacity = 10_000, maxQuestions = 256, fetch = globalThis.fetch } = options
    this.#url = `${url.replace(/\/+$/, '')}/v1/api-keys/verify`
    this.#options = { maxAgeMs, timeoutMs, capacity, maxQuestions, fetch, ...(token && { token }) }
  }

  /** How many verdicts are remembered right now. */
  get kept(): number {
    return this.#kept.size
  }

  /**
   * Gives the caller whose key this is.
   * @throws {RefusedError} where the key is not good
   * @throws {UnavailableError} where that cannot be known
   */
  async verify(key: string, trace: Trace = {}): Promise<Caller> {
    if (key.length > MAX_KEY_LENGTH) throw new RefusedError('not_found')
    const id = createHash('sha256').update(key).digest('base64')
    const arrived = now()
    for (;;) {
      const kept = this.#look(id)
      if (kept) return result(kept)
      const verdict = await (this.#flights.get(id) ?? this.#fly(id, key, trace))
      // A question that others had asked before may be older than a revocation that was acknowledged meanwhile:
      // then its verdict counts only as long as one that was kept.
      if (verdict.asked.measured >= arrived.measured || isFresh(verdict, now())) return result(verdict)
    }
  }

  #look(id: string): Verdict | undefined {
    const verdict = this.#kept.get(id)
    if (!verdict) return undefined
    this.#kept.delete(id)
    if (!isFresh(verdict, now())) return undefined
    this.#kept.set(id, verdict)
    return verdict
  }

  #fly(id: string, key: string, trace: Trace): Promise<Verdict> {
    // Anybody can make up keys, and a question goes on when whoever caused it has left.
    if (this.#flights.size >= this.#options.maxQuestions) {
      throw new UnavailableError('too many questions about API keys are under way')
    }
    const flight = this.#askInTime(key, trace)
      .then((verdict) => {
        if (isFresh(verdict, now())) this.#keep(id, verdict)
        return verdict
      })
      .catch((cause: unknown) => {
        throw new UnavailableError('API keys cannot be verified right now', { cause })
      })
      .finally(() => this.#flights.delete(id))
    this.#flights.set(id, flight)
    return flight
  }

  #keep(id: string, verdict: Verdict): void {
    this.#kept.set(id, verdict)
    if (this.#kept.size <= this.#options.capacity) return
    for (const oldest of this.#kept.keys()) {
      this.#kept.delete(oldest)
      break
    }
  }

  /** Also where what was given to ask with does not heed the signal: others wait for the same question. */
  async #askInTime(key: string, trace: Trace): Promise<Verdict> {
    const ending = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error('there was no verdict in time'))
        ending.abort()
      }, this.#options.timeoutMs)
    })
    return Promise.race([this.#ask(key, trace, ending.signal), late]).finally(() => clearTimeout(timer))
  }

  async #ask(key: string, { traceparent, tracestate }: Trace, signal: AbortSignal): Promise<Verdict> {
    const { maxAgeMs, token, fetch } = this.#options
    const headers = new Headers({ 'content-type': 'application/json' })
    if (isSendable(traceparent)) headers.set('traceparent', traceparent)
    if (isSendable(traceparent) && isSendable(tracestate)) headers.set('tracestate', tracestate)
    if (token) headers.set('authorization', `Bearer ${await token()}`)
    const body = JSON.stringify({ api_key: key, max_age_ms: maxAgeMs })
    const asked = now()
    const post = () => fetch(this.#url, { method: 'POST', headers, body, signal, redirect: 'manual' })
    // Once more, for a kept connection may turn out to be closed.
    const response = await post().catch((error: unknown) => (signal.aborted ? Promise.reject(error) : post()))
    const text = await readText(response)
    if (response.status !== 200) throw new Error(`the service answers ${response.status}`)
    return readVerdict(JSON.parse(text), asked, maxAgeMs)
  }
}

/** What is none of these makes `fetch` fail, and the key is no worse for it. */
const isSendable = (value: string | undefined): value is string => value !== undefined && /^[ -~]+$/.test(value)

function result({ result }: Verdict): Caller {
  if ('code' in result) throw new RefusedError(result.code)
  return { ...result.caller, scopes: [...result.caller.scopes] }
}

async function readText(response: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  // Leaving the loop gives up the rest.
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true })
    if (text.length > MAX_ANSWER_SIZE) throw new Error('the service’s answer is too long')
  }
  return text
}
