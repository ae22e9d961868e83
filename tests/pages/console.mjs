// The console, by keyboard alone.

import assert from "node:assert/strict";
import { focused, open, press, SCHEMES, tabTo, text, WIDTHS } from "./browser.mjs";
import { judgeLook, judgeTrace } from "./judge.mjs";
import { call } from "./service.mjs";
import { until } from "./wait.mjs";

const rows = (page) => page.$$eval("#rows strong", (names) => names.map((name) => name.textContent));

export async function signIn(page, base, key) {
  await page.goto(`${base}/console`, { waitUntil: "networkidle0" });
  await tabTo(page, "#key");
  await press(page, key, "Enter");
}

/// Everything that can be done, once; gives all secrets that were used.
export async function flows(browser, service, furnished) {
  const opened = await open(browser, service.base);
  const at = { opened, page: opened.page, service, ...service, ...furnished };
  await signingIn(at);
  await filtering(at);
  const secret = await creating(at);
  await revoking(at);
  await losingTheServer(at);
  await signingOut(at, secret);
  await beingAllowedLess(at);
  const used = [at.firstKey, secret, ...["Laptop", "Auditor", "Terraform"].map((name) => at.made[name].secret)];
  await judgeTrace(opened, used, "at the end");
  assert.ok(opened.seen.sentKeys.every((header) => used.some((key) => header === `Bearer ${key}`) || /unknown/.test(header)));
  await opened.context.close();
  return used;
}

/// With what is no key, with a key that is none of this service, and with one.
async function signingIn({ page, base, firstKey }) {
  await signIn(page, base, "no key at all");
  await text(page, "#sign-in-error", /no API key/);
  await press(page, "capy_live_unknown", "Enter");
  await text(page, "#sign-in-error", /credential|key/i);
  assert.equal(await focused(page), "key");

  await press(page, firstKey, "Enter");
  await text(page, "#said", /^9 keys\.$/);
  assert.equal(await focused(page), "keys-title");
  assert.equal(await page.title(), "API keys – capykeys");
  assert.deepEqual((await rows(page)).slice(0, 2), ["Auditor", "Laptop"]);
  const states = await page.$$eval(".state", (all) => all.map((one) => one.textContent));
  assert.equal(states.filter((state) => state === "Active").length, 7);
  assert.equal((await page.$$("#rows img")).length, 0, "a name is read as HTML");
}

async function filtering({ page, service, keys, made }) {
  await tabTo(page, "#words");
  await press(page, "backups:write");
  await text(page, "#said", /^1 of 9 keys\.$/);
  assert.deepEqual(await rows(page), ["Nightly backup"]);
  await page.$eval("#words", (field) => field.select());
  await press(page, "Backspace", "Tab", "Revoked");
  await text(page, "#said", /^1 of 9 keys\.$/);
  assert.deepEqual(await rows(page), ["Former contractor"]);
  assert.equal((await page.$$("#rows button")).length, 0, "a revoked key cannot be revoked");
  const paused = `${keys}/${made["Checkout service"].id}`;
  await call(service, "POST", `${paused}/disable`, { reason: "Found in <b>a log</b>" });
  // Letters would be added to those that have chosen the last state.
  await page.select("#state", "disabled");
  await tabTo(page, "#refresh");
  await press(page, "Enter");
  await text(page, "#said", /^1 of 9 keys\.$/);
  await text(page, "#rows td", /^Disabled.*Found in <b>a log<\/b>$/s);
  assert.equal((await page.$$("#rows button")).length, 1, "a disabled key can be revoked");
  await call(service, "POST", `${paused}/enable`);
  await press(page, "Enter");
  await text(page, "#said", /^0 of 9 keys\.$/);
  await page.focus("#state");
  await press(page, "Home");
  await text(page, "#said", /^9 keys\.$/);
  await call(service, "POST", `${paused}/rotate`);
  await tabTo(page, "#refresh");
  await press(page, "Enter");
  await text(page, "#rows", /Rotated: capy_live_\w{4}… is good until .*, last used/s);
  await call(service, "POST", `${paused}/rotate/finish`);
  await press(page, "Enter");
  await text(page, "#rows", /^(?!.*Rotated)/s);
}

/// Refused with the server's sentence first, then for good; gives the secret.
async function creating({ opened, page, service, firstKey, keys }) {
  await page.focus("#keys-title");
  await tabTo(page, "#create");
  await press(page, "Enter");
  await page.waitForSelector("#creation[open]");
  assert.equal(await focused(page), "name");
  await press(page, "From the console", "Enter");
  await text(page, "#creation-error", /^`scopes`/);
  await judgeLook(opened, "the dialog for a new key");
  await page.focus("#name");
  await tabTo(page, "#scopes input[value='jobs:read']");
  await press(page, "Space", "Enter");
  await page.waitForSelector("#created[open]");
  const secret = await page.$eval("#plaintext", (field) => field.value);
  assert.match(secret, /^capy_live_[0-9A-Za-z]{38}$/);
  await judgeLook(opened, "the dialog with the secret");
  await press(page, "Escape", "Escape");
  assert.ok(await page.$("#created[open]"), "Escape takes the secret away");
  await tabTo(page, "#copy");
  await press(page, "Enter");
  await text(page, "#copied", /^Copied\.$/);
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), secret);
  await tabTo(page, "#created-done");
  await press(page, "Enter");
  await text(page, "#said", /“From the console” is created\. 10 keys\./);
  const created = await call(service, "GET", "/v1/me", undefined, secret);
  assert.deepEqual(created.principal.scopes, ["jobs:read"]);
  const [newest] = (await call(service, "GET", keys)).api_keys;
  const days = (new Date(newest.expires_at) - new Date(newest.created_at)) / 86_400_000;
  assert.ok(days > 89.9 && days < 90.1, `${days} days`);
  await judgeTrace(opened, [firstKey, secret], "after a key was created");
  return secret;
}

/// The confirmation knows of a use after the list was made, and the first focus does no harm.
async function revoking({ opened, page, service, keys }) {
  await until("a use is written", async () => (await call(service, "GET", keys)).api_keys[0].last_used_at);
  await tabTo(page, "[aria-label='Revoke From the console']");
  await press(page, "Enter");
  await page.waitForSelector("#revocation[open]");
  const facts = await page.$eval("#revocation-facts", (element) => element.textContent);
  assert.match(facts, /Last use(just now|\d+ .* ago)/, "a use since the list was made");
  await judgeLook(opened, "the dialog for a revocation");
  assert.equal(await focused(page), "revocation-cancel");
  await press(page, "Enter");
  await page.waitForSelector("#revocation:not([open])");
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("aria-label")), "Revoke From the console");
  await press(page, "Enter");
  await page.waitForSelector("#revocation[open]");
  await tabTo(page, "#revocation-send");
  await press(page, "Enter");
  await text(page, "#said", /“From the console” is revoked\. 10 keys\./);
  assert.equal(await focused(page), "keys-title");
  assert.ok((await call(service, "GET", keys)).api_keys[0].revoked_at);
  await page.$eval("[aria-label='Revoke Auditor']", (button) => button.focus());
  await press(page, "Enter");
  await page.waitForSelector("#revocation[open]");
  await text(page, "#revocation-facts", /It has never been used\./);
  await press(page, "Escape");
}

async function losingTheServer({ page }) {
  await page.setOfflineMode(true);
  await page.focus("#keys-title");
  await tabTo(page, "#refresh");
  await press(page, "Enter");
  await text(page, "#problem", /^The server cannot be reached\.$/);
  await page.setOfflineMode(false);
  await press(page, "Enter");
  await text(page, "#said", /^10 keys\.$/);
}

/// By hand, and by a key that is gone.
async function signingOut({ opened, page, service, firstKey, keys, made }, secret) {
  await page.focus("#main");
  await page.keyboard.down("Shift");
  await tabTo(page, "#sign-out");
  await page.keyboard.up("Shift");
  await press(page, "Enter");
  assert.equal(await focused(page), "key");
  assert.deepEqual(await rows(page), []);
  await judgeTrace(opened, [firstKey, secret], "after signing out");

  await press(page, made.Laptop.secret, "Enter");
  await text(page, "#said", /^10 keys\.$/);
  await call(service, "DELETE", `${keys}/${made.Laptop.id}`);
  await tabTo(page, "#refresh");
  await press(page, "Enter");
  await text(page, "#sign-in-error", /^You were signed out/);
}

/// With a key that may look and no more, which leaving the page forgets, and with one that may not even look.
async function beingAllowedLess({ opened, page, base, made }) {
  await press(page, made.Auditor.secret, "Enter");
  await text(page, "#said", /^10 keys\.$/);
  assert.ok(await page.$eval("#create", (button) => button.hidden));
  assert.deepEqual(await page.$$eval("#rows button", (all) => all.map((one) => one.ariaLabel)), ["Revoke Auditor"]);
  await page.goto("about:blank");
  await page.goBack({ waitUntil: "networkidle0" });
  assert.deepEqual(await rows(page), [], "somebody is signed in after leaving the page");
  await signIn(page, base, made.Terraform.secret);
  await text(page, "#problem", /api_keys:read.*\(request /);
  await judgeLook(opened, "a list that is refused");
}

/// Signed out while the key is being created: its secret is for nobody else, but that there is a key is said.
export async function late(browser, service) {
  const opened = await open(browser, service.base);
  const { page } = opened;
  await signIn(page, service.base, service.firstKey);
  await text(page, "#said", /keys\.$/);
  await page.setRequestInterception(true);
  const asked = new Promise((held) => {
    page.on("request", (request) => (request.method() === "POST" ? held(request) : request.continue()));
  });
  await page.$eval("#create", (button) => button.click());
  await page.waitForSelector("#creation[open]");
  await press(page, "Too late");
  await page.$eval("#scopes input[value='jobs:read']", (box) => box.click());
  await page.$eval("#creation-send", (button) => button.click());
  const request = await asked;
  const leaving = () => page.evaluate(() => !dispatchEvent(new Event("beforeunload", { cancelable: true })));
  assert.ok(await leaving(), "whoever leaves is not asked");
  await page.$eval("#creation-cancel", (button) => button.click());
  await page.$eval("#sign-out", (button) => button.click());
  await request.continue();
  await text(page, "#sign-in-error", /^“Too late” of .* was created .* revoke that key\.$/);
  assert.equal(await page.$("#created[open]"), null, "the secret is shown to whoever is there");
  assert.ok(!(await leaving()), "nothing is under way any more");
  await judgeTrace(opened, [service.firstKey], "after a key that came too late");
  // Signed out by the server while the secret is shown: that stays, until the page is left.
  const { id } = (await call(service, "GET", "/v1/me")).organization;
  const body = { name: "Brief", scopes: ["*"] };
  const { plaintext_api_key, api_key } = await call(service, "POST", `/v1/organizations/${id}/api-keys`, body);
  await page.$eval("#key", (field) => field.focus());
  await press(page, plaintext_api_key, "Enter");
  await text(page, "#said", /keys\.$/);
  await page.evaluate(() => document.getElementById("created").showModal());
  await call(service, "DELETE", `/v1/organizations/${id}/api-keys/${api_key.id}`);
  await page.$eval("#refresh", (button) => button.click());
  await text(page, "#sign-in-error", /^You were signed out/);
  assert.ok(await page.$("#created[open]"), "the secret is taken away");
  await page.evaluate(() => dispatchEvent(new Event("pagehide")));
  assert.equal(await page.$("#created[open]"), null, "a page that is left keeps the secret");
  await opened.context.close();
}

/// More keys than the API gives at once.
export async function many(browser, service, { keys }) {
  const [more, at_once] = [1_100, 20];
  for (let made = 0; made < more; made += at_once) {
    const one = (_, at) => call(service, "POST", keys, { name: `Key ${made + at}`, scopes: ["jobs:read"] });
    await Promise.all(Array.from({ length: at_once }, one));
  }
  const all = (await call(service, "GET", keys)).api_keys.length;
  const opened = await open(browser, service.base);
  const { page } = opened;
  await signIn(page, service.base, service.firstKey);
  await text(page, "#said", new RegExp(`^${all} keys\\.$`));
  assert.equal((await rows(page)).length, 100);
  await page.$eval("#more", (button) => button.focus());
  await press(page, "Enter");
  assert.equal((await rows(page)).length, 200);
  await page.focus("#words");
  await press(page, "nightly");
  await text(page, "#said", new RegExp(`^1 of ${all} keys\\.$`));
  assert.ok(await page.$eval("#more", (button) => button.hidden));
  const asked = opened.seen.urls.filter((url) => url.includes("/api-keys?limit=1000"));
  assert.equal(asked.length, Math.ceil(all / 1_000), "not in pages of a thousand");
  await opened.context.close();
}

/// How it looks everywhere, signed in and not; `picture` is given each page.
export async function looks(browser, service, picture) {
  for (const scheme of SCHEMES) {
    for (const [device, width] of Object.entries(WIDTHS)) {
      const opened = await open(browser, service.base, { scheme, width });
      const where = `console, ${scheme}, ${device}`;
      await opened.page.goto(`${service.base}/console`, { waitUntil: "networkidle0" });
      await judgeLook(opened, `${where}, before signing in`);
      await picture(opened.page, `sign-in-${scheme}-${device}`);
      await signIn(opened.page, service.base, service.firstKey);
      await text(opened.page, "#said", /keys\.$/);
      await judgeLook(opened, where);
      await picture(opened.page, `console-${scheme}-${device}`);
      await opened.page.$eval("[aria-label='Revoke Terraform']", (button) => button.click());
      await opened.page.waitForSelector("#revocation[open]");
      await judgeLook(opened, `${where}, revoking`);
      await picture(opened.page, `revoke-${scheme}-${device}`);
      await press(opened.page, "Escape");
      await opened.page.$eval("#create", (button) => button.click());
      await opened.page.waitForSelector("#creation[open]");
      await judgeLook(opened, `${where}, creating`);
      await picture(opened.page, `create-${scheme}-${device}`);
      await judgeTrace(opened, [service.firstKey], where);
      await opened.context.close();
    }
  }
}
