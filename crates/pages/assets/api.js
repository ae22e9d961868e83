// Asks the API of the server that the page comes from.

/// An answer that is no success, or none at all (status 0).
export class Refusal extends Error {
  constructor(status, sentence, requestId) {
    super(sentence);
    this.status = status;
    this.requestId = requestId;
  }
}

/// Where the API's `path` is: beside the page, so that a base path or a gateway's prefix is kept.
export const address = (path) => new URL(path, new URL(".", document.baseURI));

/// The answer, whatever it is. Nothing of it is kept by the browser, and no cookie is sent.
export async function send(method, path, { key, body } = {}) {
  const headers = {};
  // A header holds nothing else.
  if (key && !/^[\x21-\x7e]+$/.test(key)) throw new Refusal(0, "That is no API key: no key has all of these characters.");
  if (key) headers.Authorization = `Bearer ${key}`;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const options = { method, headers, body, cache: "no-store", credentials: "omit", redirect: "error" };
    return await fetch(address(path), options);
  } catch {
    throw new Refusal(0, "The server cannot be reached.");
  }
}

/// The body and the headers of a success.
export async function ask(method, path, options) {
  const answer = await send(method, path, options);
  const body = await answer.json().catch(() => undefined);
  if (answer.ok && body !== undefined) return { body, headers: answer.headers };
  const sentence = body?.error ?? `The answer with status ${answer.status} cannot be read.`;
  throw new Refusal(answer.status, sentence, answer.headers.get("x-request-id"));
}
