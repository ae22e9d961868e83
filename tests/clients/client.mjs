// Node's fetch and its older http module, with their default settings.

import assert from "node:assert";
import http from "node:http";

const { CAPYKEYS_URL: url, CAPYKEYS_KEY: key, CAPYKEYS_ORGANIZATION: organization } = process.env;
const keys = `/v1/organizations/${organization}/api-keys`;
const bearer = { authorization: `Bearer ${key}` };

async function withFetch(status, method, path, headers, body) {
  const answer = await fetch(url + path, { method, headers, body });
  const text = await answer.text();
  assert.equal(answer.status, status, `${method} ${path}: ${text}`);
  return text;
}

function withHttp(status, method, path, headers, body) {
  return new Promise((resolve, reject) => {
    const request = http.request(url + path, { method, headers }, async (answer) => {
      const text = (await answer.setEncoding("utf8").toArray()).join("");
      if (answer.statusCode === status) resolve(text);
      else reject(new Error(`${method} ${path}: ${answer.statusCode} ${text}`));
    });
    request.on("error", reject).end(body);
  });
}

for (const ask of [withFetch, withHttp]) {
  await ask(200, "GET", "/v1/me", bearer);
  await ask(401, "GET", "/v1/me", {});
  await ask(200, "HEAD", "/v1/me", bearer);
  const headers = { ...bearer, "content-type": "application/json" };
  const body = JSON.stringify({ name: "Nödé", scopes: ["jobs:read"] });
  const created = JSON.parse(await ask(201, "POST", keys, headers, body)).api_key;
  assert.equal(created.name, "Nödé");
  const listed = JSON.parse(await ask(200, "GET", keys, bearer)).api_keys;
  assert(listed.some((one) => one.id === created.id));
  await ask(200, "DELETE", `${keys}/${created.id}`, bearer);
}
console.log("ok");
