// @hey-api/openapi-ts: a function for each operation, and times as Date.

import assert from "node:assert/strict";
import { createClient } from "./generated/hey-api/capykeys/client/index.js";
import {
  createApiKey,
  disableApiKey,
  enableApiKey,
  getApiKey,
  getViewer,
  listApiKeys,
  revokeApiKey,
  updateApiKey,
} from "./generated/hey-api/capykeys/sdk.gen.js";
import type { ApiKey, ErrorResponse } from "./generated/hey-api/capykeys/types.gen.js";
import { createClient as createInternalClient } from "./generated/hey-api/internal/client/index.js";
import { verifyApiKey } from "./generated/hey-api/internal/sdk.gen.js";
import { adminKey, expiry, internalUrl, keys, nextCursor, organization, step, url } from "./scenario.js";

const signedIn = (key: string) => createClient({ baseUrl: url, auth: key });
const client = signedIn(adminKey);
const cluster = createInternalClient({ baseUrl: internalUrl });
const path = { orgID: organization };

/** What was answered, where it was a success. */
function succeeded<T>(answer: { data: T | undefined; error: ErrorResponse | undefined; response?: Response }): T {
  return answer.data ?? assert.fail(`${answer.response?.status} ${answer.error?.error}`);
}

/** The sentence of a refusal, which has a type of its own. */
function refused(status: number, answer: { error: ErrorResponse | undefined; response?: Response }): string {
  assert.equal(answer.response?.status, status);
  return `${status} ${answer.error?.error ?? assert.fail("no sentence")}`;
}

const list = async (): Promise<ApiKey[]> => succeeded(await listApiKeys({ client, path })).api_keys;
const find = async (id: string) => (await list()).find((key) => key.id === id) ?? assert.fail(`${id} is not listed`);

await step("who am I", async () => {
  const me = succeeded(await getViewer({ client }));
  assert.equal(me.organization?.id, organization);
  assert.equal(me.principal.user_id, undefined);
  return `${me.principal.auth_source} of ${me.organization.name}, since ${me.organization.created_at.toISOString()}`;
});

let key: ApiKey, secret: string;
await step("create a project's key", async () => {
  const body = { name: "Schlüssel", scopes: ["projects:read" as const], project_id: "prj_1", expires_at: expiry };
  ({ api_key: key, plaintext_api_key: secret = "" } = succeeded(await createApiKey({ client, path, body })));
  assert.equal(key.name, "Schlüssel");
  assert.equal(key.expires_at?.getTime(), expiry.getTime());
  assert.equal("revoked_at" in key || "last_used_at" in key, false);
  return `${key.id} for ${key.project_id} until ${key.expires_at.toISOString()}`;
});

await step("list and find it", async () => {
  assert.deepEqual(await find(key.id), key);
  return key.key_prefix;
});

await step("names that came later", async () => {
  const listed = await list();
  const [source, scope] = [listed.find((one) => one.source === "teleport"), listed.find((one) => one.scopes.includes("models:read"))];
  assert(source && scope);
  return `source ${source.source}, scope ${scope.scopes}`;
});

await step("use it", async () => {
  const me = succeeded(await getViewer({ client: signedIn(secret) }));
  assert.deepEqual(me.principal.scopes, ["projects:read"]);
  return `may ${me.principal.scopes}`;
});

await step("be refused", async () =>
  [
    refused(400, await createApiKey({ client, path, body: { name: "", scopes: [] } })),
    refused(401, await getViewer({ client: signedIn("capy_live_none") })),
    refused(403, await listApiKeys({ client: signedIn(secret), path })),
    refused(404, await revokeApiKey({ client, path: { ...path, keyID: "key_01h455vb4pex5vsknk084sn02q" } })),
  ].join(" | "),
);

await step("page", async () => {
  const ids: string[] = [];
  let pages = 0;
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor && { cursor }) };
    const answer = await listApiKeys({ client, path, query });
    ids.push(...succeeded(answer).api_keys.map((one) => one.id));
    cursor = answer.response ? nextCursor(answer.response) : null;
    assert(cursor === null || cursor === ids.at(-1));
    pages += 1;
  } while (cursor !== null);
  assert.deepEqual(ids, (await list()).map((one) => one.id));
  assert.equal(ids.length, keys + 1);
  return `${ids.length} keys on ${pages} pages`;
});

const verify = async (project_id: string) =>
  succeeded(await verifyApiKey({ client: cluster, body: { api_key: secret, project_id, scopes: ["projects:read"] } }));

await step("verify", async () => {
  const [good, bad] = [await verify("prj_1"), await verify("prj_2")];
  assert.equal(good.valid && good.api_key?.id, key.id);
  assert.equal(good.code, undefined);
  assert.equal(bad.valid, false);
  assert.equal(bad.code, "wrong_country");
  return `${good.valid}, then ${bad.code}`;
});

await step("rename and pause it", async () => {
  const one = { client, path: { ...path, keyID: key.id } };
  const { api_key } = succeeded(await updateApiKey({ ...one, body: { name: "Renamed" } }));
  assert.deepEqual([api_key.name, api_key.scopes, api_key.expires_at], ["Renamed", key.scopes, key.expires_at]);
  assert.equal(succeeded(await getApiKey(one)).api_key.name, "Renamed");
  const paused = succeeded(await disableApiKey({ ...one, body: { reason: "paused" } })).api_key;
  assert.equal(paused.disabled_at && paused.disabled_reason, "paused");
  assert.equal((await verify("prj_1")).code, "disabled");
  assert.equal(succeeded(await enableApiKey(one)).api_key.disabled_at, undefined);
  assert.equal((await verify("prj_1")).valid, true);
  return `until ${api_key.expires_at?.toISOString()} as before`;
});

await step("revoke", async () => {
  const revoke = () => revokeApiKey({ client, path: { ...path, keyID: key.id } });
  assert.equal(succeeded(await revoke()).revoked, true);
  const { is_active, revoked_at } = await find(key.id);
  assert.equal(is_active, false);
  assert.equal(succeeded(await revoke()).revoked, true);
  assert.deepEqual((await find(key.id)).revoked_at, revoked_at);
  return `twice, at ${revoked_at?.toISOString()}`;
});

await step("be refused with it", async () => {
  const { code } = await verify("prj_1");
  assert.equal(code, "revoked");
  return `${refused(401, await getViewer({ client: signedIn(secret) }))} | ${code}`;
});
