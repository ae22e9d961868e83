import express from 'express'
import { Verifier } from 'capykeys-verifier'
import { requireKey } from 'capykeys-verifier/express'

const verifier = new Verifier({ url: process.env.CAPYKEYS_URL! })
const app = express()

app.get('/jobs', requireKey(verifier, { scopes: ['jobs:read'] }), (request, response) => {
  response.send(`the jobs of ${request.caller!.organizationId}\n`)
})

const [host, port] = process.env.LISTEN!.split(':')
app.listen(Number(port), host!)
