// What needs no service: the rest is in tests/verifiers.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { UnavailableError, Verifier, type Options } from 'capykeys-verifier'
import { requireKey } from 'capykeys-verifier/fastify'
import fastify from 'fastify'

const answer = (apiKey: object = {}) =>
  Response.json({
    valid: true,
    max_age_ms: 0,
    api_key: { id: 'key_1', organization_id: 'org_1', scopes: ['jobs:read'], ...apiKey },
  })
const verifier = (options: Partial<Options>) =>
  new Verifier({ url: 'http://service', timeoutMs: 60_000, fetch: async () => answer(), ...options })
const never = () => new Promise<never>(() => {})
// Where the test would wait for ever.
const timeout = 10_000

test('only so many questions are under way', { timeout }, async () => {
  const answers: (() => void)[] = []
  const fetch = () => new Promise<Response>((resolve) => answers.push(() => resolve(answer())))
  const asking = verifier({ maxQuestions: 2, fetch })
  const asked = [asking.verify('a'), asking.verify('b')]
  await assert.rejects(asking.verify('c'), UnavailableError)
  answers.forEach((one) => one())
  assert.equal((await Promise.all(asked)).length, 2)
  const later = asking.verify('c')
  answers.at(-1)!()
  assert.equal((await later).keyId, 'key_1')
})

test('a token that is not given in time is given up', { timeout }, async () => {
  let calls = 0
  const token = () => (calls++ === 0 ? never() : 'token')
  const asking = verifier({ timeoutMs: 50, token })
  await assert.rejects(asking.verify('x'), UnavailableError)
  assert.equal((await asking.verify('x')).keyId, 'key_1')
})

test('what carries the questions and does not heed the signal is given up', { timeout }, async () => {
  const asking = verifier({ timeoutMs: 50, fetch: never })
  await assert.rejects(asking.verify('x'), UnavailableError)
  await assert.rejects(asking.verify('x'), UnavailableError)
})

test('a project that is not as specified is no verdict', async () => {
  for (const project_id of ['', 7, [], {}, false]) {
    await assert.rejects(verifier({ fetch: async () => answer({ project_id }) }).verify('x'), UnavailableError)
  }
  for (const project_id of [undefined, null]) {
    const caller = await verifier({ fetch: async () => answer({ project_id }) }).verify('x')
    assert.equal('projectId' in caller, false)
  }
  assert.equal((await verifier({ fetch: async () => answer({ project_id: 'p' }) }).verify('x')).projectId, 'p')
})

test('a trace that cannot be sent refuses nobody', async () => {
  const caller = await verifier({}).verify('x', { traceparent: '00-\u043a', tracestate: 'a=\u043a' })
  assert.equal(caller.keyId, 'key_1')
})

test('requests of HTTP/2 are guarded too', { timeout }, async () => {
  const app = fastify()
  app.get('/', { onRequest: requireKey(verifier({}), { scopes: ['jobs:read'] }) }, async ({ caller }) => caller!.keyId)
  await app.ready()
  const server = createServer((request, response) => app.routing(request as never, response as never))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const status = async (headers: Record<string, string | string[]>) => {
    const request = client.request({ ':path': '/', ...headers })
    const [{ ':status': found }] = await once(request.resume(), 'response')
    return found
  }
  assert.equal(await status({ authorization: 'Bearer x' }), 200)
  assert.equal(await status({ 'x-api-key': 'x' }), 200)
  assert.equal(await status({}), 401)
  assert.equal(await status({ 'x-api-key': ['x', 'x'] }), 400)
  client.close()
  server.close()
})
