// The guarded servers that the suite over all libraries asks; see tests/verifiers.
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Verifier, type Caller } from 'capykeys-verifier'
import * as forExpress from 'capykeys-verifier/express'
import * as forFastify from 'capykeys-verifier/fastify'
import * as forHono from 'capykeys-verifier/hono'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'

const { env } = process
const verifier = new Verifier({
  url: env.CAPYKEYS_URL!,
  maxAgeMs: Number(env.MAX_AGE_MS),
  timeoutMs: Number(env.TIMEOUT_MS),
  capacity: Number(env.CAPACITY),
  token: () => env.CAPYKEYS_TOKEN!,
})
const scopes = ['jobs:read']
const state = () => ({ kept: verifier.kept, now: Math.floor(Date.now() / 1000) })
const shown = (caller: Caller | undefined) => ({
  id: caller?.keyId,
  organization_id: caller?.organizationId,
  project_id: caller?.projectId,
  scopes: caller?.scopes,
})

const servers: Record<string, () => Promise<RequestListener>> = {
  async express() {
    const { requireKey } = forExpress
    const app = express()
    app.get('/jobs', requireKey(verifier, { scopes }), (request, response) => {
      response.json(shown(request.caller))
    })
    const project = (request: express.Request) => String(request.params.project)
    app.get('/projects/:project/jobs', requireKey(verifier, { scopes, project }), (request, response) => {
      response.json(shown(request.caller))
    })
    app.get('/state', (_, response) => {
      response.json(state())
    })
    return app
  },
  async fastify() {
    const { requireKey } = forFastify
    const app = fastify()
    app.get('/jobs', { onRequest: requireKey(verifier, { scopes }) }, async (request) => shown(request.caller))
    const project = (request: fastify.FastifyRequest) => (request.params as { project: string }).project
    app.get('/projects/:project/jobs', { onRequest: requireKey(verifier, { scopes, project }) }, async (request) =>
      shown(request.caller),
    )
    app.get('/state', async () => state())
    await app.ready()
    return (request, response) => app.routing(request, response)
  },
  async hono() {
    const { requireKey } = forHono
    const app = new Hono()
    app.get('/jobs', requireKey(verifier, { scopes }), (c) => c.json(shown(c.get('caller'))))
    app.get(
      '/projects/:project/jobs',
      requireKey(verifier, { scopes, project: (c) => c.req.param('project') }),
      (c) => c.json(shown(c.get('caller'))),
    )
    app.get('/state', (c) => c.json(state()))
    return getRequestListener(app.fetch)
  },
}

const listener = await servers[process.argv[2]!]!()
const server = createServer(listener)
server.listen(0, '127.0.0.1', () => {
  console.log(`listening 127.0.0.1:${(server.address() as AddressInfo).port}`)
})
// The end of its input is its own.
process.stdin.on('close', () => process.exit()).resume()
