import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { judge, Refusal, type Rule } from './guard.js'
import type { Caller } from './verdict.js'
import type { Verifier } from './verifier.js'

/** What guarded routes find with `c.get('caller')`. */
export type Variables = { caller: Caller }

/** Answers requests without a key that grants all scopes, instead of the handlers behind it. */
export const requireKey = (verifier: Verifier, rule: Rule<Context> = {}) =>
  createMiddleware<{ Variables: Variables }>(async (c, next) => {
    // Several values of one header are one here, with commas, which are in no key.
    const values = (name: string) => [c.req.header(name) ?? []].flat()
    try {
      c.set('caller', await judge(verifier, rule, c, values))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return c.body(error.body, error.status, error.headers)
    }
    await next()
  })
