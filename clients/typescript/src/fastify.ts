import type { FastifyRequest, preHandlerAsyncHookHandler } from 'fastify'
import { judge, Refusal, type Rule, valuesOf } from './guard.js'
import type { Caller } from './verdict.js'
import type { Verifier } from './verifier.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose request it is, on routes that are guarded. */
    caller?: Caller
  }
}

/** A hook, such as `onRequest`, that answers requests without a key that grants all scopes. */
export function requireKey(verifier: Verifier, rule: Rule<FastifyRequest> = {}): preHandlerAsyncHookHandler {
  return async (request, reply) => {
    try {
      request.caller = await judge(verifier, rule, request, valuesOf(request.raw))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return reply.code(error.status).headers(error.headers).send(error.body)
    }
  }
}
