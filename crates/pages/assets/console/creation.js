// Creating a key.

import { ask } from "./api.js";
import { byId, copy, element } from "./element.js";
import { grants, keysOf } from "./keys.js";
import { exact } from "./times.js";

const DAY = 86_400_000;

/// Asks what the key is to be, creates it and shows its secret; `done` is called with the key when that is stored, and
/// `lost` where it cannot be shown, for the one who wanted the key has signed out.
export function setUp(session, done, lost) {
  const [form, asking, showing] = ["creation-form", "creation", "created"].map(byId);
  const [error, plaintext] = ["creation-error", "plaintext"].map(byId);
  let underWay = 0;

  // Whoever leaves now never sees the secret.
  addEventListener("beforeunload", (event) => (underWay > 0 || showing.open) && event.preventDefault());

  byId("expiry").addEventListener("change", ({ target }) => {
    byId("date-field").hidden = target.value !== "date";
    byId("date").required = target.value === "date";
  });
  byId("creation-cancel").addEventListener("click", () => asking.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const mine = session();
    error.textContent = "";
    byId("creation-send").disabled = true;
    underWay += 1;
    try {
      const { body } = await mine.ask("POST", keysOf(mine.organization), JSON.stringify(wanted()));
      // Somebody else may be there by now.
      if (session() !== mine) return lost(body.api_key, mine.organization);
      asking.close();
      show(body);
    } catch (refusal) {
      error.textContent = refusal.message;
      const [, field] = /^`(name|scopes|project_id|expires_at)/.exec(refusal.message) ?? [];
      const fields = { name: "name", project_id: "project", expires_at: "expiry" };
      byId(fields[field] ?? "creation-send").focus();
    } finally {
      underWay -= 1;
      byId("creation-send").disabled = false;
    }
  });

  function show({ api_key: key, plaintext_api_key: secret }) {
    plaintext.value = secret;
    const until = key.expires_at ? `It is good until ${exact(key.expires_at)}.` : "It does not expire.";
    byId("created-facts").textContent = `${key.name}. ${until}`;
    byId("copied").textContent = "";
    showing.showModal();
    plaintext.select();
    showing.onclose = () => {
      plaintext.value = "";
      done(key);
    };
  }

  // Escape would take the secret away for good.
  showing.addEventListener("cancel", (event) => event.preventDefault());
  showing.addEventListener("keydown", (event) => event.key === "Escape" && event.preventDefault());
  byId("copy").addEventListener("click", async () => {
    const copied = await copy(plaintext.value, plaintext);
    byId("copied").textContent = copied ? "Copied." : "It is selected: copy it with Ctrl+C or ⌘C.";
  });
  byId("created-done").addEventListener("click", () => showing.close());

  return async () => {
    const mine = session();
    form.reset();
    error.textContent = "";
    byId("date-field").hidden = true;
    byId("date").required = false;
    byId("scopes").replaceChildren(...(await choices(mine)));
    if (session() === mine && !asking.open) asking.showModal();
  };
}

/// The scopes of this service that the caller may hand on.
async function choices(session) {
  const scopes = await known();
  const own = scopes.filter(([scope]) => grants(session.scopes, scope));
  return own.map(([scope, description], at) => {
    const id = `scope-${at}`;
    return element(
      "div",
      { class: "scope" },
      element("input", { type: "checkbox", id, value: scope, "aria-describedby": description && `${id}-means` }),
      element(
        "div",
        {},
        element("label", { for: id }, element("code", {}, scope)),
        description && element("div", { id: `${id}-means`, class: "quiet small" }, description),
      ),
    );
  });
}

/// What the service's own document says that scopes there are, with what each means.
async function known() {
  const { body: document } = await ask("GET", "v1/openapi.json");
  const followed = (schema) =>
    schema.$ref ? schema.$ref.slice(2).split("/").reduce((value, name) => value[name], document) : schema;
  const { properties } = followed({ $ref: "#/components/schemas/CreateApiKeyRequest" });
  const scope = followed(properties.scopes.items);
  return scope.enum.map((name, at) => [name, scope["x-enum-descriptions"]?.[at]]);
}

/// The body that asks for the key.
function wanted() {
  const scopes = [...document.querySelectorAll("#scopes input:checked")].map((box) => box.value);
  const [days, project] = [byId("expiry").value, byId("project").value];
  const end = days === "date" ? new Date(byId("date").value) : days && new Date(Date.now() + Number(days) * DAY);
  return {
    name: byId("name").value,
    scopes,
    ...(project && { project_id: project }),
    ...(end && { expires_at: end.toISOString() }),
  };
}
