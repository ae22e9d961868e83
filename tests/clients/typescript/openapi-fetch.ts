// openapi-typescript with openapi-fetch: types alone, so times are the texts that were sent.

import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated/openapi-fetch/capykeys.js";
import type { paths as internalPaths } from "./generated/openapi-fetch/internal.js";
import { adminKey, expiry, internalUrl, keys, nextCursor, organization, step, url } from "./scenario.js";

type ApiKey = components["schemas"]["ApiKey"];

const signedIn = (key: string) => createClient<paths>({ baseUrl: url, headers: { authorization: `Bearer ${key}` } });
const admin = signedIn(adminKey);
const cluster = createClient<internalPaths>({ baseUrl: internalUrl });
const KEYS = "/v1/organizations/{orgID}/api-keys";
const ofOrganization = { path: { orgID: organization } };

/** What was answered, where it was a success. */
function succeeded<T>(answer: { data?: T; error?: { error: string }; response: Response }): T {
  return answer.data ?? assert.fail(`${answer.response.status} ${answer.error?.error}`);
}

/** The sentence of a refusal, which has a type of its own. */
function refused(status: number, answer: { error?: components["schemas"]["ErrorResponse"]; response: Response }): string {
  assert.equal(answer.response.status, status);
  return `${status} ${answer.error?.error ?? assert.fail("no sentence")}`;
}

const list = async (): Promise<ApiKey[]> => succeeded(await admin.GET(KEYS, { params: ofOrganization })).api_keys;
const find = async (id: string) => (await list()).find((key) => key.id === id) ?? assert.fail(`${id} is not listed`);

await step("who am I", async () => {
  const me = succeeded(await admin.GET("/v1/me"));
  assert.equal(me.organization?.id, organization);
  assert.equal(me.principal.user_id, undefined);
  return `${me.principal.auth_source} of ${me.organization.name}, since ${new Date(me.organization.created_at).toISOString()}`;
});

let key: ApiKey, secret: string;
await step("create a project's key", async () => {
  const body = { name: "Schlüssel", scopes: ["projects:read" as const], project_id: "prj_1", expires_at: expiry.toISOString() };
  ({ api_key: key, plaintext_api_key: secret = "" } = succeeded(await admin.POST(KEYS, { params: ofOrganization, body })));
  assert.equal(key.name, "Schlüssel");
  assert.equal(Date.parse(key.expires_at ?? ""), expiry.getTime());
  assert.equal("revoked_at" in key || "last_used_at" in key, false);
  return `${key.id} for ${key.project_id} until ${key.expires_at}`;
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
  const me = succeeded(await signedIn(secret).GET("/v1/me"));
  assert.deepEqual(me.principal.scopes, ["projects:read"]);
  return `may ${me.principal.scopes}`;
});

await step("be refused", async () => {
  const body = { name: "", scopes: [] };
  const unknown = { path: { ...ofOrganization.path, keyID: "key_01h455vb4pex5vsknk084sn02q" } };
  return [
    refused(400, await admin.POST(KEYS, { params: ofOrganization, body })),
    refused(401, await signedIn("capy_live_none").GET("/v1/me")),
    refused(403, await signedIn(secret).GET(KEYS, { params: ofOrganization })),
    refused(404, await admin.DELETE("/v1/organizations/{orgID}/api-keys/{keyID}", { params: unknown })),
  ].join(" | ");
});

await step("page", async () => {
  const ids: string[] = [];
  let pages = 0;
  let cursor: string | null = null;
  do {
    const query: { limit: number; cursor?: string } = { limit: 100, ...(cursor && { cursor }) };
    const answer = await admin.GET(KEYS, { params: { ...ofOrganization, query } });
    ids.push(...succeeded(answer).api_keys.map((one) => one.id));
    cursor = nextCursor(answer.response);
    assert(cursor === null || cursor === ids.at(-1));
    pages += 1;
  } while (cursor !== null);
  assert.deepEqual(ids, (await list()).map((one) => one.id));
  assert.equal(ids.length, keys + 1);
  return `${ids.length} keys on ${pages} pages`;
});

const verify = async (project_id: string) =>
  succeeded(await cluster.POST("/v1/api-keys/verify", { body: { api_key: secret, project_id, scopes: ["projects:read"], max_age_ms: 0 } }));

await step("verify", async () => {
  const [good, bad] = [await verify("prj_1"), await verify("prj_2")];
  assert.equal(good.valid && good.api_key?.id, key.id);
  assert.equal(good.code, undefined);
  assert.equal(bad.valid, false);
  assert.equal(bad.code, "wrong_country");
  return `${good.valid}, then ${bad.code}`;
});

await step("rename and pause it", async () => {
  const params = { path: { ...ofOrganization.path, keyID: key.id } };
  const one = "/v1/organizations/{orgID}/api-keys/{keyID}" as const;
  const { api_key } = succeeded(await admin.PATCH(one, { params, body: { name: "Renamed" } }));
  assert.deepEqual([api_key.name, api_key.scopes, api_key.expires_at], ["Renamed", key.scopes, key.expires_at]);
  assert.deepEqual(succeeded(await admin.GET(one, { params })).api_key.name, "Renamed");
  const paused = succeeded(await admin.POST(`${one}/disable`, { params, body: { reason: "paused" } })).api_key;
  assert.equal(paused.disabled_at !== undefined && paused.disabled_reason, "paused");
  assert.equal((await verify("prj_1")).code, "disabled");
  assert.equal(succeeded(await admin.POST(`${one}/enable`, { params })).api_key.disabled_at, undefined);
  assert.equal((await verify("prj_1")).valid, true);
  return `until ${api_key.expires_at} as before`;
});

await step("revoke", async () => {
  const revoke = () => admin.DELETE("/v1/organizations/{orgID}/api-keys/{keyID}", { params: { path: { ...ofOrganization.path, keyID: key.id } } });
  assert.equal(succeeded(await revoke()).revoked, true);
  const { is_active, revoked_at } = await find(key.id);
  assert.equal(is_active, false);
  assert.equal(succeeded(await revoke()).revoked, true);
  assert.equal((await find(key.id)).revoked_at, revoked_at);
  return `twice, at ${revoked_at}`;
});

await step("be refused with it", async () => {
  const { code } = await verify("prj_1");
  assert.equal(code, "revoked");
  return `${refused(401, await signedIn(secret).GET("/v1/me"))} | ${code}`;
});
