// People sign in at a real provider, and manage the keys of their organizations with its tokens.
//
//   node tour.mjs CAPYKEYS    the built program

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { AUDIENCE, CLIENT, start } from "./provider.mjs";

const capykeys = process.argv[2];
const folder = mkdtempSync(join(tmpdir(), "capykeys-oidc-"));
let provider = await start();
const configuration = join(folder, "capykeys.toml");
writeFileSync(configuration, `
[server]
listen = "127.0.0.1:0"
drain = "0s"
[internal]
listen = "127.0.0.1:0"
[sqlite]
directory = "${folder}/data"
[log]
format = "json"
[clerk.instances.also]
issuer = "https://clerk.example.com"
jwks_url = "https://clerk.example.com/.well-known/jwks.json"
[oidc.provider]
issuer = "${provider.issuer}"
audiences = ["${AUDIENCE}", "${CLIENT}"]
types = ["at+jwt", "none", "JWT"]
authorized_parties = ["${CLIENT}", "machine"]
roles_claim = "groups"
[oidc.provider.roles]
"Capykeys Admins" = "org:admin"
`);

const server = spawn(capykeys, ["--config", configuration, "serve"], { stdio: ["ignore", "ignore", "pipe"] });
const log = [];
const listening = new Promise((resolve, reject) => {
  createInterface(server.stderr).on("line", (line) => {
    log.push(line);
    const event = line.startsWith("{") ? JSON.parse(line) : {};
    if (event.message === "listening") resolve(`http://${event.address}`);
  });
  server.on("exit", (code) => reject(new Error(`ended with ${code}:\n${log.join("\n")}`)));
});

let base;
async function call(token, method, path, body) {
  const headers = { authorization: `Bearer ${token}`, ...(body && { "content-type": "application/json" }) };
  const answer = await fetch(base + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: answer.status, body: await answer.json() };
}

function command(...words) {
  const options = { encoding: "utf8", stdio: "pipe" };
  return JSON.parse(execFileSync(capykeys, ["--config", configuration, ...words], options));
}

async function refused(token, reason) {
  assert.equal((await call(token, "GET", "/v1/me")).status, 401, reason);
  const line = log.findLast((line) => line.includes('"status":401'));
  assert.ok(line.includes(reason), `${reason}: ${line}`);
  assert.ok(!log.some((line) => line.includes(token.split(".")[2])), "a token in the log");
}

async function tour() {
  base = await listening;
  // The first administrator brings the organization along, with an access token (RFC 9068).
  const alice = (await provider.signIn("auth0|alice")).access_token;
  const me = await call(alice, "GET", "/v1/me");
  assert.equal(me.status, 200, JSON.stringify(me.body));
  const { organization, principal } = me.body;
  assert.equal(organization.name, "Acme Ltd");
  assert.match(organization.external_organization_id, /^org_oidc_[0-9a-f]{20}_acme_2d5e1c$/);
  assert.match(principal.user_id, /^user_oidc_[0-9a-f]{20}_auth0_7calice$/);
  assert.equal(principal.auth_source, "oidc_session");
  assert.deepEqual(principal.scopes, ["*"]);
  assert.ok(!JSON.stringify(me.body).includes("clerk"), "nothing of it is at Clerk");

  // She creates a key, which works, and revokes it, after which it does not.
  const keys = `/v1/organizations/${organization.id}/api-keys`;
  const created = await call(alice, "POST", keys, { name: "of a session", scopes: ["api_keys:read"] });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const { api_key: key, plaintext_api_key: plaintext } = created.body;
  assert.equal(key.source, "dashboard");
  assert.equal(key.created_by_user_id, principal.user_id);
  assert.equal((await call(plaintext, "GET", keys)).status, 200);
  assert.equal((await call(alice, "DELETE", `${keys}/${key.id}`)).status, 200);
  assert.equal((await call(plaintext, "GET", keys)).status, 401);

  // Another member, with an ID token: lists, and no more.
  const bob = (await provider.signIn("bob")).id_token;
  const listed = await call(bob, "GET", keys);
  assert.equal(listed.status, 200, JSON.stringify(listed.body));
  assert.equal(listed.body.api_keys.length, 1);
  assert.equal((await call(bob, "POST", keys, { name: "n", scopes: ["jobs:read"] })).status, 403);

  // Somebody of an organization that an operator has registered, and somebody of none.
  const registered = command("organizations", "create", "--name", "Others", "--oidc-issuer", provider.issuer,
    "--oidc-organization-id", "Other_1");
  const eve = (await provider.signIn("eve@example.com")).access_token;
  assert.equal((await call(eve, "GET", keys)).status, 403);
  assert.equal((await call(eve, "GET", "/v1/me")).body.organization.id, registered.id);
  const nobody = (await provider.signIn("nobody")).access_token;
  assert.equal((await call(nobody, "GET", "/v1/me")).body.organization, null);
  assert.equal((await call(nobody, "GET", keys)).status, 403);

  // Real tokens that are for somebody else.
  const preview = await provider.signIn("auth0|alice", { client: "preview" });
  await refused(preview.access_token, "OIDC token of an unauthorized party");
  const elsewhere = await provider.signIn("auth0|alice", { audience: "https://other.example.com" });
  await refused(elsewhere.access_token, "OIDC token for another audience");
  await refused((await provider.machine()).access_token, "OIDC token without a user");

  // What an operator sees is what the sessions have made.
  const { organizations } = command("organizations", "list");
  const external = organizations.map((one) => one.external_organization_id);
  assert.deepEqual(external.filter(Boolean), [
    organization.external_organization_id, registered.external_organization_id,
  ]);

  // The provider comes back with another key, as after a rotation: whoever signs in anew is signed in.
  const { port } = provider;
  await provider.stop();
  assert.equal((await call(alice, "GET", "/v1/me")).status, 200, "the keys are known while nobody answers");
  provider = await start(port);
  const again = (await provider.signIn("auth0|alice")).access_token;
  assert.equal((await call(again, "GET", "/v1/me")).body.principal?.user_id, principal.user_id);

  // Last, for it makes the keys be asked for, which is done at most once in half a minute.
  const [header, claims, signature] = again.split(".");
  const bad = (signature.startsWith("A") ? "B" : "A") + signature.slice(1);
  await refused([header, claims, bad].join("."), "OIDC token with a bad signature");
}

try {
  await tour();
  console.log("people signed in at a real provider, and managed the keys of their organizations");
} catch (error) {
  console.error(error, log.slice(-5).join("\n"));
  process.exitCode = 1;
} finally {
  server.removeAllListeners("exit");
  server.kill();
  await provider.stop();
  rmSync(folder, { recursive: true, force: true });
}
