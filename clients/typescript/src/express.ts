import type { Request, RequestHandler } from 'express'
import { judge, Refusal, type Rule, valuesOf } from './guard.js'
import type { Caller } from './verdict.js'
import type { Verifier } from './verifier.js'

declare global {
  namespace Express {
    interface Request {
      /** Whose request it is, on routes that are guarded. */
      caller?: Caller
    }
  }
}

/** Answers requests without a key that grants all scopes, instead of the handlers behind it. */
export function requireKey(verifier: Verifier, rule: Rule<Request> = {}): RequestHandler {
  return (request, response, next) => {
    judge(verifier, rule, request, valuesOf(request)).then(
      (caller) => {
        request.caller = caller
        next()
      },
      (error: unknown) => {
        if (!(error instanceof Refusal)) return next(error)
        response.writeHead(error.status, error.headers).end(error.body)
      },
    )
  }
}
