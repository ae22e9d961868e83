// The documentation of the API, made of the document that this server serves: with its own path and its own scopes.

import { address, ask } from "./api.js";
import { byId, element } from "./element.js";
import { operationSection } from "./operation.js";
import { schemaSection } from "./schema.js";
import { paragraphs } from "./text.js";

const DOCUMENT = "v1/openapi.json";

/// The key that is tried out with.
let key = "";

/// The operations by their tags, in the order of the tags.
function groups({ paths, tags }) {
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  );
  const tagged = (tag) => operations.filter(({ operation }) => operation.tags.includes(tag.name));
  return tags.map((tag) => ({ tag, operations: tagged(tag) }));
}

function render(document) {
  const { info, components } = document;
  byId("title").textContent = `${info.title}: the API`;
  byId("name").textContent = `${info.title} ${info.version}`;
  byId("about").replaceChildren(...paragraphs(info.description));
  const of = groups(document);
  const sections = of.map(({ tag, operations }) =>
    element(
      "div",
      { class: "group" },
      element("h2", {}, tag.description.replace(/\.$/, "")),
      operations.map((one) => operationSection(document, one, () => key)),
    ),
  );
  const schemas = Object.entries(components.schemas);
  const described = schemas.map(([name, schema]) => schemaSection(name, schema));
  byId("operations").replaceChildren(
    ...sections,
    element("div", { class: "group" }, element("h2", {}, "Schemas"), described),
  );
  byId("contents").replaceChildren(
    ...of.flatMap(({ tag, operations }) =>
      list(tag.name, operations.map(({ operation }) => [operation.operationId, operation.summary])),
    ),
    ...list("schemas", schemas.map(([name]) => [`schema-${name}`, name])),
  );
}

function list(title, links) {
  const one = ([id, text]) => element("li", {}, element("a", { href: `#${id}` }, text));
  return [element("h2", {}, title), element("ul", {}, links.map(one))];
}

/// Says whose key it is, and fills in the organization where an operation asks for one.
async function introduce() {
  const said = byId("caller");
  said.textContent = "";
  if (!key) return;
  try {
    const { organization } = (await ask("GET", "v1/me", { key })).body;
    said.textContent = organization ? `A key of ${organization.name}.` : "It belongs to no organization.";
    for (const field of document.querySelectorAll("[data-parameter=orgID]")) {
      field.value ||= organization?.id ?? "";
      field.dispatchEvent(new Event("input", { bubbles: true }));
    }
  } catch (refusal) {
    said.textContent = refusal.message;
  }
}

byId("contents-opener").open = matchMedia("(min-width: 52rem)").matches;
byId("credential").addEventListener("submit", (event) => event.preventDefault());
byId("key").addEventListener("change", ({ target }) => {
  key = target.value.trim();
  introduce();
});
addEventListener("pagehide", () => {
  key = byId("key").value = "";
});
byId("document").href = address(DOCUMENT);
try {
  render((await ask("GET", DOCUMENT)).body);
  // The browser looked for it before it was there.
  byId(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
} catch (refusal) {
  byId("problem").textContent = refusal.message;
}
