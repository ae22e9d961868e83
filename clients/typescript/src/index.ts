export { grants, judge, Refusal, type Rule, type Values } from './guard.js'
export type { Caller } from './verdict.js'
export { RefusedError, UnavailableError, Verifier, type Options, type Trace } from './verifier.js'
