// Trying an operation out: a real request to the server that the page comes from.

import { address, send } from "./api.js";
import { element } from "./element.js";
import { followed, json } from "./text.js";

/// The form in which an operation is filled in and sent.
export function trial(document, { path, method, operation, parameters }, credential) {
  const id = (name) => `${operation.operationId}-${name}`;
  const fields = parameters.map((one) => [one, input(one, id(one.name))]);
  const text = bodyText(document, operation);
  const body = text && element("textarea", { id: id("body"), spellcheck: "false" });
  if (body) body.value = text;
  const curl = element("pre", {});
  const answer = element("div", { class: "answer", role: "status" });
  const needsKey = (operation.security ?? []).length > 0;

  const target = () => filled(path, fields.map(([one, field]) => [one, field.value]));
  const show = () => {
    curl.textContent = command(method.toUpperCase(), address(target()).href, needsKey, body?.value);
  };
  const form = element(
    "form",
    {
      oninput: show,
      onsubmit: async (event) => {
        event.preventDefault();
        answer.textContent = "…";
        const options = { key: needsKey && credential(), body: body?.value };
        const parts = await attempt(method.toUpperCase(), target(), options).catch((refusal) => [refusal.message]);
        answer.replaceChildren(...parts);
      },
    },
    fields.map(([one, field]) => labelled(one.name + (one.required ? "" : " (optional)"), field)),
    body && labelled("Body", body),
    method !== "get" && element("p", { class: "small" }, "The request is a real one: it changes something on this server."),
    element("button", { class: "primary" }, "Send"),
    answer,
    element("p", { class: "small quiet" }, "The same with curl:"),
    curl,
  );
  show();
  const open = element("summary", { "aria-label": `Try it: ${operation.summary}` }, "Try it");
  return element("details", { class: "trial", ontoggle: show }, open, form);
}

function input({ name, required, schema }, id) {
  const { minimum: min, maximum: max } = schema;
  const number = ["integer", "number"].some((one) => [schema.type].flat().includes(one));
  const attributes = { id, required, autocomplete: "off", spellcheck: "false", "data-parameter": name };
  return element("input", number ? { ...attributes, type: "number", min, max } : attributes);
}

function labelled(name, field) {
  return element("div", {}, element("label", { for: field.id }, name), field);
}

function bodyText(document, { requestBody }) {
  const media = followed(document, requestBody)?.content?.["application/json"];
  return media && json(media.example ?? followed(document, media.schema)?.example ?? {});
}

/// The path with its parameters, without the slash at its start.
function filled(path, values) {
  const query = new URLSearchParams();
  let target = path.slice(1);
  for (const [{ name, in: where }, value] of values) {
    if (where === "path") target = target.replace(`{${name}}`, encodeURIComponent(value) || `{${name}}`);
    else if (where === "query" && value) query.set(name, value);
  }
  return query.size ? `${target}?${query}` : target;
}

function command(method, url, needsKey, body) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const lines = [`curl ${method === "GET" ? "" : `-X ${method} `}${quoted(url)}`];
  if (needsKey) lines.push('-H "Authorization: Bearer $KEY"');
  if (body !== undefined) lines.push("-H 'Content-Type: application/json'", `-d ${quoted(body)}`);
  return lines.join(" \\\n  ");
}

async function attempt(method, target, options) {
  const began = performance.now();
  const answer = await send(method, target, options);
  const text = await answer.text();
  const took = Math.round(performance.now() - began);
  const headers = ["x-request-id", "link", "retry-after", "www-authenticate"]
    .filter((name) => answer.headers.has(name))
    .map((name) => element("p", { class: "small" }, element("code", {}, `${name}: ${answer.headers.get(name)}`)));
  return [
    element("p", {}, element("strong", {}, `${answer.status} ${answer.statusText}`), ` after ${took} ms`),
    ...headers,
    element("pre", { tabindex: "0" }, pretty(text)),
  ];
}

function pretty(text) {
  try {
    return json(JSON.parse(text));
  } catch {
    return json(text);
  }
}
