// A service with an organization that has used, expired and revoked keys.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { leash } from "./leash.mjs";
import { until } from "./wait.mjs";

/// Starts the program with these settings of `server`.
export async function start(program, settings = "") {
  const folder = mkdtempSync(join(tmpdir(), "capykeys-pages-"));
  const configuration = join(folder, "capykeys.toml");
  writeFileSync(configuration, `
[server]
listen = "127.0.0.1:0"
drain = "0s"
${settings}
[internal]
listen = "127.0.0.1:0"
[sqlite]
directory = "${folder}/data"
first_key_file = "${folder}/first-key"
[usage]
flush_interval = "50ms"
[log]
format = "json"
`);
  const server = spawn(program, ["--config", configuration, "serve"], { stdio: ["ignore", "ignore", "pipe"] });
  const [log, ended] = [[], once(server, "exit")];
  leash(server.pid, folder);
  let base;
  createInterface(server.stderr).on("line", (line) => {
    log.push(line);
    const event = line.startsWith("{") ? JSON.parse(line) : {};
    if (event.message === "listening") base = `http://${event.address}`;
  });
  const end = async () => {
    server.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true });
  };
  await until(() => `the service listens:\n${log.join("\n")}`, () => {
    if (server.exitCode !== null) throw new Error(`the service ended with ${server.exitCode}:\n${log.join("\n")}`);
    return base;
  });
  const path = /^base_path = "(.*)"$/m.exec(settings)?.[1] ?? "";
  return { base: base + path, log, end, firstKey: readFileSync(join(folder, "first-key"), "utf8").trim() };
}

/// Asks the API as a client does.
export async function call({ base, firstKey }, method, path, body, key = firstKey) {
  const headers = { authorization: `Bearer ${key}`, ...(body && { "content-type": "application/json" }) };
  const signal = AbortSignal.timeout(60_000);
  const answer = await fetch(base + path, { method, headers, signal, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/// Fills the organization with keys, and gives those by name that the tests use.
export async function furnish(service) {
  const { organization } = await call(service, "GET", "/v1/me");
  const keys = `/v1/organizations/${organization.id}/api-keys`;
  const later = (seconds) => new Date(Date.now() + seconds * 1_000).toISOString();
  const made = {};
  const make = async (name, scopes, more = {}) => {
    const { api_key: key, plaintext_api_key: secret } = await call(service, "POST", keys, { name, scopes, ...more });
    made[name] = { ...key, secret };
  };
  // What nobody should take for anything but a name.
  await make(`<img src=x onerror="alert(1)">${"x".repeat(170)}`, ["jobs:read"]);
  // Later than the request arrives, on a machine that is busy.
  await make("Old importer", ["projects:read"], { expires_at: later(10) });
  await make("Nightly backup", ["backups:read", "backups:write"], { expires_at: later(90 * 86_400) });
  await make("Terraform", ["projects:read", "projects:write", "schema:read", "organizations:read"]);
  await make("Former contractor", ["projects:read", "jobs:read"]);
  await make("Checkout service", ["projects:read", "credentials:read"], { project_id: "checkout-eu" });
  await make("Laptop", ["*"], { device_name: "laptop", expires_at: later(5 * 86_400) });
  await make("Auditor", ["api_keys:read", "organizations:read"]);
  await call(service, "DELETE", `${keys}/${made["Former contractor"].id}`);
  for (const name of ["Nightly backup", "Checkout service", "Terraform"]) {
    await call(service, "GET", "/v1/me", undefined, made[name].secret);
  }
  const isReady = (listed) => {
    const found = (name) => listed.find((key) => key.name === name);
    return !found("Old importer").is_active && found("Terraform").last_used_at;
  };
  await until("a key has expired, and a use is written", async () => isReady((await call(service, "GET", keys)).api_keys));
  return { organization, keys, made };
}
