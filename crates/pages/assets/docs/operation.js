// How an operation is shown.

import { element } from "./element.js";
import { example, shown, type } from "./schema.js";
import { followed, inline, paragraphs } from "./text.js";
import { trial } from "./trial.js";

/// The section of an operation. `credential` gives the key that is tried out with.
export function operationSection(document, { path, method, operation }, credential) {
  const id = operation.operationId;
  const parameters = (operation.parameters ?? []).map((one) => followed(document, one));
  return element(
    "section",
    { class: "operation", "aria-labelledby": id },
    element("h3", { id }, operation.summary ?? id),
    element(
      "div",
      { class: "line" },
      element("span", { class: `method ${method}` }, method.toUpperCase()),
      element("code", {}, path),
    ),
    paragraphs(operation.description),
    (operation.security ?? []).length > 0
      ? element("p", { class: "small" }, "With a credential: ", credentials(document, operation))
      : element("p", { class: "small quiet" }, "No credential is needed."),
    parameters.length > 0 && [
      element("h4", {}, "Parameters"),
      element("dl", {}, parameters.map(parameter)),
    ],
    operation.requestBody && body(document, followed(document, operation.requestBody)),
    element("h4", {}, "Answers"),
    element("dl", {}, Object.entries(operation.responses).map(([status, one]) => answer(document, status, one))),
    trial(document, { path, method, operation, parameters }, credential),
  );
}

function credentials(document, { security }) {
  const schemes = security.flatMap(Object.keys).map((name) => document.components.securitySchemes[name]);
  const named = schemes.map(({ type: kind, name }) => (kind === "apiKey" ? `${name}: …` : "Authorization: Bearer …"));
  return named.flatMap((name, at) => [at ? " or " : "", element("code", {}, name)]);
}

function parameter({ name, in: where, required, description, schema }) {
  return [
    element(
      "dt",
      {},
      element("code", {}, name),
      element("span", { class: "quiet small" }, type(schema), ` in the ${where}`),
      required && element("span", { class: "small" }, "required"),
    ),
    element("dd", {}, paragraphs(description), shown(schema)),
  ];
}

function body(document, { description, content, required }) {
  return [
    element("h4", {}, "Body"),
    element("p", {}, inline(description ?? ""), required ? "" : " It may be left out."),
    Object.entries(content).map(([media, described]) => mediaType(document, media, described)),
  ];
}

function mediaType(document, media, { schema, example: own }) {
  const value = own ?? followed(document, schema)?.example;
  return [
    element("p", { class: "small" }, element("code", {}, media), ": ", type(schema)),
    value !== undefined && example("Example", value),
  ];
}

function answer(document, status, response) {
  const { description, content = {}, headers = {} } = followed(document, response);
  const told = Object.entries(headers).filter(([name]) => !["X-Request-Id", "Cache-Control"].includes(name));
  return [
    element("dt", {}, element("code", {}, status)),
    element(
      "dd",
      {},
      paragraphs(description),
      told.map(([name, header]) =>
        element("p", { class: "small" }, element("code", {}, name), ": ", inline(header.description ?? "")),
      ),
      Object.entries(content).map(([media, described]) => mediaType(document, media, described)),
    ),
  ];
}
