// What must hold of every page, whatever was done in it.

import assert from "node:assert/strict";
import { axe, traces } from "./browser.mjs";

/// What a button of one line has at most, in pixels.
const BUTTON = 50;

/// It can be used at this width, in this scheme: axe finds nothing, nothing sticks out, and no button is squeezed.
export async function judgeLook({ page }, where) {
  assert.deepEqual(await axe(page), [], where);
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= window, `${where}: ${content} px wide in a window of ${window}`);
  const heights = await page.$$eval("button", (all) => all.map((button) => button.offsetHeight));
  assert.ok(Math.max(0, ...heights) <= BUTTON, `${where}: a button is squeezed to a height of ${Math.max(...heights)} px`);
}

/// Nothing was asked of anybody else, nothing that the policy forbids was tried, and no secret is anywhere but in the
/// headers of requests.
export async function judgeTrace(opened, secrets, where) {
  const { seen } = opened;
  assert.deepEqual(seen.foreign, [], `${where}: requests to others`);
  assert.deepEqual(seen.violations, [], `${where}: violations of the policy`);
  assert.deepEqual(seen.failures, [], `${where}: errors`);
  for (const [place, text] of Object.entries(await traces(opened))) {
    for (const secret of secrets) assert.ok(!text.includes(secret), `${where}: a secret in ${place}`);
  }
}
