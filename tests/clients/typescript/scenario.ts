// What all scenarios in this language share.

import assert from "node:assert/strict";

const variable = (name: string): string => process.env[name] ?? assert.fail(`${name} is not set`);

export const url = variable("CAPYKEYS_URL");
export const internalUrl = variable("CAPYKEYS_INTERNAL_URL");
export const organization = variable("CAPYKEYS_ORGANIZATION");
export const adminKey = variable("CAPYKEYS_KEY");
/** How many keys there are before the scenario begins. */
export const keys = Number(variable("CAPYKEYS_KEYS"));

/** In an hour, in whole milliseconds, as this language has them. */
export const expiry = new Date(Date.now() + 3_600_000);

/** Says what was done, or ends with a sentence that says what was not. */
export async function step(what: string, work: () => Promise<string>): Promise<void> {
  try {
    console.log(`${what}: ${await work()}`);
  } catch (error) {
    console.error(`${what} failed: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}

/** The `cursor` of the next page, from the header `Link`. */
export function nextCursor(response: Response): string | null {
  const query = /<\?([^>]*)>; rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  return query === undefined ? null : new URLSearchParams(query).get("cursor");
}
