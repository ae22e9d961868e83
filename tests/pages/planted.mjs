// Mistakes that are made on purpose: what judges the pages has to see each of them.

import assert from "node:assert/strict";
import { open } from "./browser.mjs";
import { judgeLook, judgeTrace } from "./judge.mjs";

const SECRET = "capy_live_planted";
// Without the policy, which would not let it out.
const OTHERS = "requests to others";
const MISTAKES = {
  [OTHERS]: () => fetch("http://127.0.0.1:9/").catch(() => {}),
  "violations of the policy": () => document.body.setAttribute("style", "color: red"),
  "a secret in local": (secret) => localStorage.setItem("key", secret),
  "a secret in session": (secret) => sessionStorage.setItem("key", secret),
  "a secret in databases": (secret) => new Promise((done) => (indexedDB.open(secret).onsuccess = done)),
  "a secret in caches": (secret) => caches.open(secret).then(() => {}),
  "a secret in cookies": (secret) => void (document.cookie = `key=${secret}`),
  "a secret in history": (secret) => history.replaceState(secret, ""),
  "a secret in address": (secret) => history.replaceState(null, "", `#${secret}`),
  "a secret in html": (secret) => document.body.append(secret),
  "a secret in urls": (secret) => fetch(`/nowhere?${secret}`).then(() => {}),
  "a secret in messages": (secret) => console.debug(secret),
};
const UNSEEMLY = {
  "button-name": () => document.body.append(document.createElement("button")),
  squeezed: () => (document.querySelector("#sign-in button").textContent = "x ".repeat(300)),
  "px wide": () => (document.querySelector("h1").textContent = "x".repeat(300)),
};

export async function mistakes(browser, { base }) {
  const planted = async (plant, judge, name) => {
    const opened = await open(browser, base);
    await opened.page.setBypassCSP(name === OTHERS);
    await opened.page.goto(`${base}/console`, { waitUntil: "networkidle0" });
    await judgeTrace(opened, [SECRET], "nothing is planted yet");
    await opened.page.evaluate(plant, SECRET);
    await new Promise((next) => setTimeout(next, 100));
    await assert.rejects(judge(opened), ({ message }) => message.includes(name), `nobody noticed ${name}`);
    await opened.context.close();
  };
  for (const [name, plant] of Object.entries(MISTAKES)) {
    await planted(plant, (opened) => judgeTrace(opened, [SECRET], "planted"), name);
  }
  for (const [name, plant] of Object.entries(UNSEEMLY)) {
    await planted(plant, (opened) => judgeLook(opened, "planted"), name);
  }
  return Object.keys(MISTAKES).length + Object.keys(UNSEEMLY).length;
}
