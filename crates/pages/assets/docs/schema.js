// How schemas are shown: as lists of what they have in them, with links to those that have a name.

import { element } from "./element.js";
import { inline, json, paragraphs } from "./text.js";

const BOUNDS = {
  format: "format",
  minLength: "characters at least",
  maxLength: "characters at most",
  minimum: "at least",
  maximum: "at most",
  minItems: "items at least",
  maxItems: "items at most",
  default: "default",
};

/// The section of a schema that has a name.
export function schemaSection(name, schema) {
  return element(
    "section",
    { class: "schema", "aria-labelledby": `schema-${name}` },
    element("h3", { id: `schema-${name}` }, name),
    paragraphs(schema.description),
    shown(schema),
    schema.example !== undefined && example("Example", schema.example),
  );
}

/// An example behind a line to open it with.
export function example(title, value) {
  return element("details", {}, element("summary", {}, title), element("pre", {}, json(value)));
}

/// What a schema has in it.
export function shown(schema) {
  if (schema.properties) return properties(schema);
  return [rules(schema), values(schema)];
}

function properties(schema) {
  const required = schema.required ?? [];
  const one = ([name, property]) => [
    element(
      "dt",
      {},
      element("code", {}, name),
      element("span", { class: "quiet small" }, type(property)),
      required.includes(name) && element("span", { class: "small" }, "required"),
      property["x-sensitive"] && element("span", { class: "tag small" }, "secret"),
    ),
    element("dd", {}, paragraphs(property.description), rules(property), values(property), within(property)),
  ];
  return element("dl", {}, Object.entries(schema.properties).map(one));
}

/// The type, in words; a name leads to where it is described.
export function type(schema = {}) {
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return element("a", { href: `#schema-${name}` }, name);
  }
  if (schema.oneOf || schema.allOf) {
    const types = (schema.oneOf ?? schema.allOf).map(type);
    return types.flatMap((one, at) => (at ? [schema.oneOf ? " or " : " and ", one] : [one]));
  }
  if (schema.type === "array") return element("span", {}, "array of ", type(schema.items));
  return [schema.type ?? "anything"].flat().join(" or ");
}

function within(schema) {
  const inner = schema.type === "array" ? schema.items : schema;
  return inner?.properties && properties(inner);
}

function rules(schema) {
  const bounds = Object.entries(BOUNDS).filter(([keyword]) => schema[keyword] !== undefined);
  const said = bounds.map(([keyword, words]) =>
    /at (least|most)$/.test(words) && words.includes(" at ")
      ? `${schema[keyword]} ${words}`
      : `${words} ${schema[keyword]}`,
  );
  return [
    said.length > 0 && element("p", { class: "quiet small" }, `${said.join(", ")}.`),
    schema.pattern && element("details", { class: "small" }, element("summary", {}, "Pattern"), element("code", {}, schema.pattern)),
  ];
}

function values(schema) {
  const of = schema.type === "array" && !schema.items.$ref ? schema.items : schema;
  const [closed, open] = [of.enum, of["x-extensible-enum"]];
  if (!closed && !open) return null;
  const meanings = of["x-enum-descriptions"] ?? [];
  const one = (value, at) => element("li", {}, element("code", {}, value), meanings[at] && [" – ", inline(meanings[at])]);
  return [
    element("p", { class: "quiet small" }, closed ? "One of:" : "Known values, to which others may be added:"),
    element("ul", { class: "values small" }, (closed ?? open).map(one)),
  ];
}
