// How a key looks in the table.

import { element } from "./element.js";
import { hasTwoSecrets, stateOf } from "./keys.js";
import { exact, relative } from "./times.js";

const STATES = { active: "Active", disabled: "Disabled", expired: "Expired", revoked: "Revoked" };

/// The row of a key. `revoke` is called where it can be revoked by whoever looks at it.
export function row(key, revoke) {
  const state = stateOf(key);
  const button = element(
    "button",
    { type: "button", class: "danger", "aria-label": `Revoke ${key.name}`, onclick: () => revoke?.(key) },
    "Revoke",
  );
  const [since, why] = state === "disabled" ? [key.disabled_at, key.disabled_reason] : [key.revoked_at];
  const reason = why && element("div", { class: "quiet small" }, why);
  const scopes = key.scopes.map((scope) => element("li", { class: "tag" }, element("code", {}, scope)));
  return element(
    "tr",
    { role: "row" },
    element(
      "th",
      { role: "rowheader", scope: "row" },
      element("strong", {}, key.name),
      element("code", { class: "quiet" }, `${key.key_prefix}…`),
      key.project_id && element("div", { class: "quiet small" }, "Project ", element("code", {}, key.project_id)),
      key.device_name && element("div", { class: "quiet small" }, `On ${key.device_name}`),
      hasTwoSecrets(key) && previous(key),
    ),
    cell("State", element("span", { class: `state ${state}` }, STATES[state]), when(since), reason),
    cell("Scopes", element("ul", { class: "scopes" }, scopes)),
    cell("Last use", key.last_used_at ? when(key.last_used_at) : element("span", { class: "quiet" }, "Never")),
    cell("Expiry", key.expires_at ? when(key.expires_at) : element("span", { class: "quiet" }, "Never")),
    cell("Created", when(key.created_at), element("span", { class: "quiet small" }, `by ${key.source}`)),
    element("td", { role: "cell" }, state !== "revoked" && revoke && button),
  );
}

/// The secret that a rotated key had before, which may still be in use.
function previous({ previous_key_prefix: prefix, previous_expires_at: end, previous_last_used_at: used }) {
  const last = used ? `last used ${relative(used)}` : "never used";
  const facts = ["Rotated: ", element("code", {}, `${prefix}…`), ` is good until ${exact(end)}, ${last}`];
  return element("div", { class: "quiet small" }, facts);
}

/// How long ago or how soon, and when exactly.
export function when(time) {
  if (!time) return null;
  const shown = element("time", { datetime: time, class: "quiet small" }, exact(time));
  return element("span", { class: "when" }, relative(time), shown);
}

function cell(label, ...content) {
  return element("td", { role: "cell", "data-label": label }, element("div", { class: "value" }, content));
}
