/** Who has presented a key that is good. */
export interface Caller {
  keyId: string
  organizationId: string
  /** Of a key that is for one project alone. */
  projectId?: string
  scopes: string[]
}

/** What the service has said of a key. */
export type Verdict = {
  /** The caller, or why the key is not good. */
  result: { caller: Caller } | { code: string }
  /** When the question was sent, from which its age counts: the answer may have been under way for long. */
  asked: Moment
  maxAgeMs: number
}

/**
 * A time by two clocks, in milliseconds: one stands still while the machine sleeps, the other can be set back.
 */
export type Moment = { measured: number; told: number }

export const now = (): Moment => ({ measured: performance.now(), told: Date.now() })

/** Whether the longer of what two clocks have measured is less than the verdict's age. */
export const isFresh = ({ asked, maxAgeMs }: Verdict, at: Moment): boolean =>
  Math.max(at.measured - asked.measured, at.told - asked.told) < maxAgeMs

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

const isProject = (value: unknown): value is string | null | undefined => value == null || isText(value)

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** Reads an answer of the service; one that says anything but what is specified is none. */
export function readVerdict(answer: unknown, asked: Moment, limitMs: number): Verdict {
  if (!isObject(answer)) throw new Error('the service’s answer is no verdict')
  const { valid, code, max_age_ms: age, api_key: key } = answer
  if (typeof valid !== 'boolean' || !Number.isSafeInteger(age) || (age as number) < 0) {
    throw new Error('the service’s answer is no verdict')
  }
  const maxAgeMs = Math.min(age as number, limitMs)
  if (!valid) return { result: { code: isText(code) ? code : 'unknown' }, asked, maxAgeMs }
  const scopes = isObject(key) && Array.isArray(key.scopes) && key.scopes.every(isText) ? key.scopes : undefined
  if (!isObject(key) || !isText(key.id) || !isText(key.organization_id) || !scopes || !isProject(key.project_id)) {
    throw new Error('the service’s verdict does not say whose key it is')
  }
  const caller: Caller = { keyId: key.id, organizationId: key.organization_id, scopes }
  // Whoever told no project has a key that is good for all of them: what is no name must not be taken for that.
  if (key.project_id != null) caller.projectId = key.project_id
  return { result: { caller }, asked, maxAgeMs }
}
