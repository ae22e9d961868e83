// The console: signing in, the list, and what is done with it.
//
// The key is in `session` and nowhere else: not in the page, an address, or anything that a browser keeps.

import { ask } from "./api.js";
import * as creation from "./creation.js";
import { byId } from "./element.js";
import { asItIsNow, grants, matches, pages } from "./keys.js";
import * as revocation from "./revocation.js";
import { row } from "./rows.js";

/// How many rows are shown at first, and how many more each time.
const SHOWN = 100;

/// Who has signed in, with the keys of the organization.
let session;
let shown = SHOWN;

const create = creation.setUp(
  () => session,
  async (key) => {
    if (!session) return;
    await load();
    byId("said").textContent = `“${key.name}” is created. ${byId("said").textContent}`;
    byId("keys-title").focus();
  },
  (key, organization) => {
    const what = `“${key.name}” of ${organization.name} was created after you had signed out`;
    byId(session ? "problem" : "sign-in-error").textContent = `${what}, and its secret was not shown: revoke that key.`;
  },
);
const revoke = revocation.setUp(
  () => session,
  async (key) => {
    if (session.isOwn(key)) return signOut("You have revoked the key that you had signed in with.");
    const mine = session;
    const [listed] = mine.keys.filter(({ id }) => id === key.id);
    // It is revoked, also where this cannot be asked any more.
    const revoked = { ...key, is_active: false, revoked_at: new Date().toISOString() };
    const now = await asItIsNow(mine.ask, mine.organization, mine.keys, listed).catch(() => revoked);
    if (session !== mine) return;
    mine.keys = mine.keys.map((one) => (one.id === key.id ? (now.revoked_at ? now : revoked) : one));
    show();
    byId("said").textContent = `“${key.name}” is revoked. ${byId("said").textContent}`;
    byId("keys-title").focus();
  },
);

async function signIn(key) {
  const { body } = await ask("GET", "v1/me", { key });
  const { organization, principal } = body;
  if (!organization) throw new Error("It belongs to no organization.");
  const signedIn = {
    organization,
    scopes: principal.scopes,
    keys: [],
    // What is shown of a secret that was made elsewhere may be the beginning of many: of one made here, four characters more are.
    isOwn: (one) =>
      [one.key_prefix, one.previous_key_prefix].some((prefix = "") => /_[0-9A-Za-z]{4}$/.test(prefix) && key.startsWith(prefix)),
    async ask(method, path, body) {
      try {
        return await ask(method, path, { key, body });
      } catch (refusal) {
        if (refusal.status === 401 && session === signedIn) signOut(`You were signed out: ${refusal.message}`);
        throw refusal;
      }
    },
  };
  session = signedIn;
}

function signOut(why = "") {
  session = undefined;
  // Whoever is signed out by the server, and not by themselves, has a secret before them that is shown this once.
  for (const dialog of document.querySelectorAll(`dialog[open]${why && ":not(#created)"}`)) dialog.close();
  byId("rows").replaceChildren();
  for (const id of ["signed-in-as", "said", "problem"]) byId(id).textContent = "";
  byId("filter").reset();
  switchTo("signing-in");
  byId("sign-in-error").textContent = why;
  byId("key").focus();
}

function switchTo(section) {
  byId("signing-in").hidden = section !== "signing-in";
  byId("keys").hidden = section !== "keys";
  byId("sign-out").hidden = section !== "keys";
}

/// Reads all keys of the organization again.
async function load() {
  const mine = session;
  byId("problem").textContent = "";
  byId("said").textContent = "Loading…";
  const found = [];
  try {
    for await (const page of pages(mine.ask, mine.organization)) {
      found.push(...page);
      if (session !== mine) return;
    }
    mine.keys = found;
    show();
  } catch (refusal) {
    if (session !== mine) return;
    byId("said").textContent = "";
    fail(refusal);
  }
}

function fail(refusal) {
  const id = refusal.requestId ? ` (request ${refusal.requestId})` : "";
  if (session) byId("problem").textContent = refusal.message + id;
}

function show() {
  const words = byId("words").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = session.keys.filter((key) => matches(key, words, byId("state").value));
  const mayRevoke = (key) => grants(session.scopes, "api_keys:write") || session.isOwn(key);
  const asked = (key) => revoke(key).catch(fail);
  byId("rows").replaceChildren(...found.slice(0, shown).map((key) => row(key, mayRevoke(key) && asked)));
  byId("more").hidden = found.length <= shown;
  const [some, all] = [found.length, session.keys.length];
  const keys = all === 1 ? "1 key" : `${all} keys`;
  byId("said").textContent = some === all ? `${keys}.` : `${some} of ${keys}.`;
}

function filter() {
  shown = SHOWN;
  show();
}

byId("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [field, error] = [byId("key"), byId("sign-in-error")];
  error.textContent = "";
  try {
    await signIn(field.value.trim());
  } catch (refusal) {
    error.textContent = refusal.message;
    field.select();
    return;
  }
  field.value = "";
  const { organization, scopes } = session;
  byId("keys-title").textContent = `API keys of ${organization.name}`;
  byId("signed-in-as").textContent = `${organization.id} · signed in with the scopes ${scopes.join(", ")}`;
  byId("create").hidden = !grants(scopes, "api_keys:write");
  switchTo("keys");
  byId("keys-title").focus();
  await load();
});
byId("sign-out").addEventListener("click", () => signOut());
byId("create").addEventListener("click", () => create().catch(fail));
byId("refresh").addEventListener("click", load);
byId("more").addEventListener("click", () => {
  shown += SHOWN;
  show();
});
byId("filter").addEventListener("submit", (event) => event.preventDefault());
byId("words").addEventListener("input", filter);
byId("state").addEventListener("change", filter);
// A browser may keep the page as it is, to show it again.
addEventListener("pagehide", () => (session || document.querySelector("dialog[open]")) && signOut());
