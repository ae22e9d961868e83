// Looks at the pages for people in a real browser: every flow by keyboard, in both colour schemes, at the desk and on
// the phone.
//
//   node run.mjs CAPYKEYS [PICTURES]    the built program, and where pictures are put, if any are wanted

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findChromium, launch, open, text } from "./browser.mjs";
import * as console_ from "./console.mjs";
import * as docs from "./docs.mjs";
import { judgeTrace } from "./judge.mjs";
import { mistakes } from "./planted.mjs";
import { furnish, start } from "./service.mjs";

/// What is kept of all that is looked at.
const KEPT = /^(console-(light|dark)-(desk|phone)|revoke-light-desk|create-dark-phone|operation-(light|dark)-desk|docs-light-phone)$/;

const [program, pictures] = process.argv.slice(2);
const chromium = await findChromium();
if (!chromium) {
  const needed = "install the package libnss3, or name another Chromium in CAPYKEYS_TEST_CHROMIUM";
  console.error(`THE PAGES WERE NOT LOOKED AT: Chromium does not run here. For that, ${needed}.`);
  process.exit(3);
}
const profile = mkdtempSync(join(tmpdir(), "capykeys-browser-"));
const service = await start(program);
const say = (what) => console.log(what);
let browser;

async function picture(page, name) {
  if (pictures && KEPT.test(name)) await page.screenshot({ path: join(pictures, `${name}.png`) });
}

/// The pages find the API, and their files, wherever they are served.
async function below() {
  const elsewhere = await start(program, 'base_path = "/api/keys"');
  try {
    const opened = await open(browser, elsewhere.base);
    await console_.signIn(opened.page, elsewhere.base, elsewhere.firstKey);
    await text(opened.page, "#said", /^1 key\.$/);
    await opened.page.goto(`${elsewhere.base}/docs`, { waitUntil: "networkidle0" });
    await text(opened.page, "#listApiKeys", /^List /);
    await judgeTrace(opened, [elsewhere.firstKey], "below a base path");
    await opened.context.close();
  } finally {
    await elsewhere.end();
  }
}

/// Everything that the browser has written, byte for byte.
function files(folder) {
  return readdirSync(folder, { recursive: true }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
}

try {
  browser = await launch(chromium, profile);
  const furnished = await furnish(service);
  await console_.looks(browser, service, picture);
  await docs.looks(browser, service, picture);
  say("both pages: no fault for axe and nothing that sticks out, in 2 colour schemes at 1280 and 375 px");
  const secrets = await console_.flows(browser, service, furnished);
  say("console: signing in and out, filtering, creating, revoking, by keyboard alone");
  await console_.late(browser, service);
  say("console: a key that is created after its maker has signed out");
  await docs.flows(browser, service, furnished);
  say("docs: every operation, parameter, schema and scope of the running server, and requests tried out");
  await below();
  say("both pages: below a base path too");
  await console_.many(browser, service, furnished);
  say("console: more than a thousand keys");
  await browser.close();
  const written = files(profile);
  assert.ok(written.length > 5, "no profile was written");
  for (const path of written) {
    const bytes = readFileSync(path);
    for (const secret of secrets) assert.ok(!bytes.includes(secret), `a secret in ${path}`);
  }
  assert.ok(!service.log.some((line) => secrets.some((secret) => line.includes(secret))), "a secret in the log");
  say(`no request to others, no violation of the policy, no key anywhere but in a header (${written.length} files)`);
  browser = await launch(chromium, mkdtempSync(join(profile, "planted-")));
  say(`${await mistakes(browser, service)} planted mistakes, all of them noticed`);
} finally {
  await browser?.close();
  await service.end();
  rmSync(profile, { recursive: true, force: true });
}
