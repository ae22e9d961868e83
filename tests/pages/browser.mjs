// A browser, everything that it asks for and complains about, and where it could have kept something.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";
import { leash } from "./leash.mjs";
import { until } from "./wait.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/// From the desk to the phone.
export const WIDTHS = { desk: 1280, phone: 375 };
export const SCHEMES = ["light", "dark"];

/// The program, or none where it does not run here: it is made for other machines, or misses a library.
export async function findChromium() {
  const path = process.env.CAPYKEYS_TEST_CHROMIUM ?? (await chromium.executablePath());
  return spawnSync(path, ["--version"], { stdio: ["ignore", "ignore", "inherit"] }).status === 0 ? path : undefined;
}

/// Starts a browser with a profile of its own.
export async function launch(executablePath, profile) {
  const browser = await puppeteer.launch({
    executablePath,
    // Nobody's pages but ours are looked at, and root has no sandbox.
    args: ["--no-sandbox", "--disable-gpu", "--lang=en-GB"],
    env: { ...process.env, TZ: "UTC", LANG: "en_GB.UTF-8", LANGUAGE: "en_GB" },
    headless: "shell",
    userDataDir: profile,
  });
  // It leads a group of its own, with the processes of its pages.
  leash(-browser.process().pid, profile);
  return browser;
}

/// A page in which all is recorded that must not be: requests to others, violations of the policy, messages.
export async function open(browser, base, { scheme = "light", width = WIDTHS.desk, height = 900 } = {}) {
  const context = await browser.createBrowserContext();
  await context.overridePermissions(new URL(base).origin, ["clipboard-read", "clipboard-write", "clipboard-sanitized-write"]);
  const page = await context.newPage();
  const seen = { urls: [], foreign: [], violations: [], messages: [], failures: [], sentKeys: [] };
  page.on("request", (request) => {
    const [url, headers] = [new URL(request.url()), request.headers()];
    seen.urls.push(`${request.method()} ${url.href} ${headers.referer ?? ""}`);
    if (url.origin !== new URL(base).origin) seen.foreign.push(url.href);
    if (headers.authorization) seen.sentKeys.push(headers.authorization);
  });
  page.on("console", (message) => seen.messages.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => seen.failures.push(String(error)));
  const devtools = await page.createCDPSession();
  await devtools.send("Audits.enable");
  devtools.on("Audits.issueAdded", ({ issue }) => {
    if (issue.code === "ContentSecurityPolicyIssue") seen.violations.push(JSON.stringify(issue.details));
  });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setViewport({ width, height, isMobile: width < 500, hasTouch: width < 500 });
  return { page, seen, base, context };
}

/// What axe finds, in words.
export async function axe(page) {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate(() => globalThis.axe.run());
  if (passes.length < 10) throw new Error("axe has looked at next to nothing");
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => `${id}: ${target.join(" ")}`));
}

/// Everything that the page could have kept or told: storage, cookies, addresses, messages, its own text.
export async function traces({ page, seen }) {
  const kept = await page.evaluate(async () => {
    // Not by its properties: `key` is a function of it.
    const stored = (storage) => JSON.stringify(Object.keys(storage).map((name) => [name, storage.getItem(name)]));
    return {
      local: stored(localStorage),
      session: stored(sessionStorage),
      cookies: document.cookie,
      databases: JSON.stringify(await indexedDB.databases()),
      caches: JSON.stringify(await caches.keys()),
      history: JSON.stringify(history.state),
      address: location.href,
      html: document.documentElement.outerHTML,
      fields: [...document.querySelectorAll("input, textarea")].map((field) => field.value).join("\n"),
    };
  });
  return { ...kept, urls: seen.urls.join("\n"), messages: seen.messages.join("\n") };
}

const KEYS = ["Backspace", "Enter", "Escape", "Home", "Space", "Tab"];

/// Presses keys by these names, and types everything else, as a person at the keyboard does.
export async function press(page, ...keys) {
  for (const key of keys) await (KEYS.includes(key) ? page.keyboard.press(key) : page.keyboard.type(key));
}

/// Goes on with Tab until the focus is where `selector` says.
export async function tabTo(page, selector, most = 60) {
  for (let at = 0; at < most; at += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return;
  }
  throw new Error(`Tab does not lead to ${selector}`);
}

/// What has the focus: its id, or else its text.
export const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent);

/// The text of an element, once it is one that `is` wanted.
export async function text(page, selector, is) {
  let now;
  const says = async () => is.test((now = await page.$eval(selector, (element) => element.textContent)));
  await until(() => `${selector} says “${now}”, and not ${is}`, says, 15_000);
  return now;
}
