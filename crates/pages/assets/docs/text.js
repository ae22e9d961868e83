// The texts of the document: paragraphs, and `code` in them.

import { element } from "./element.js";

/// The paragraphs of a description.
export function paragraphs(text = "") {
  return text.split(/\n{2,}/).filter(Boolean).map((one) => element("p", {}, inline(one)));
}

/// A text in which what stands between backticks is code.
export function inline(text) {
  return text.split("`").map((part, at) => (at % 2 ? element("code", {}, part) : part));
}

/// JSON as it is shown, cut where it is endless.
export function json(value, most = 200_000) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return text.length > most ? `${text.slice(0, most)}\n… and ${text.length - most} more characters` : text;
}

/// Where a reference of the document leads.
export function followed(document, part) {
  return part?.$ref ? part.$ref.slice(2).split("/").reduce((value, name) => value[name], document) : part;
}
