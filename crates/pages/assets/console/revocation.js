// Revoking a key.

import { byId, element } from "./element.js";
import { asItIsNow, keysOf } from "./keys.js";
import { exact, relative } from "./times.js";

/// Asks whether the key is really to be revoked, and does it; `done` is called with it.
export function setUp(session, done) {
  const [dialog, error] = ["revocation", "revocation-error"].map(byId);
  let asked;

  byId("revocation-cancel").addEventListener("click", () => dialog.close());
  byId("revocation-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = session();
    error.textContent = "";
    byId("revocation-send").disabled = true;
    try {
      await mine.ask("DELETE", `${keysOf(mine.organization)}/${asked.id}`);
      if (session() !== mine) return;
      dialog.close();
      await done(asked);
    } catch (refusal) {
      error.textContent = refusal.message;
    } finally {
      byId("revocation-send").disabled = false;
    }
  });

  return async (key) => {
    const mine = session();
    // It may have been used since the list was made.
    const now = await asItIsNow(mine.ask, mine.organization, mine.keys, key);
    if (session() !== mine || dialog.open) return;
    asked = now;
    error.textContent = "";
    byId("revocation-title").textContent = `Revoke “${key.name}”?`;
    byId("revocation-facts").replaceChildren(...facts(asked, mine.isOwn(key)));
    dialog.showModal();
  };
}

function facts(key, isOwn) {
  const used = key.last_used_at;
  const last = used ? `${relative(used)} (${exact(used)})` : "It has never been used.";
  const rows = [
    ["Last use", element("strong", {}, last)],
    ["Key", element("code", {}, `${key.key_prefix}…`)],
    ["Scopes", key.scopes.join(", ")],
    key.project_id && ["Project", key.project_id],
  ];
  return [
    element("dl", {}, rows.filter(Boolean).map(([term, what]) => [element("dt", {}, term), element("dd", {}, what)])),
    element("p", {}, "Whatever uses it is refused at once, and it cannot be taken back."),
    isOwn && element("p", { class: "error" }, "It is the key that you have signed in with: you will be signed out."),
  ].filter(Boolean);
}
