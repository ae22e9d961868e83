// What Clerk's own SDK says of tokens: one JSON object a line in, one a line out.
//
//   in   {"token", "now_ms", "issuer", "authorized_parties", "audience", "jwt_key"}
//   out  {"signed_in", "reason", "version", "user", "organization", "role", "slug", "actor"}
//
// The clock stands where each line says, and nothing may touch the network.
import { Socket } from "node:net";
import { createInterface } from "node:readline";

let nowMs = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...parts) {
    super(...(parts.length === 0 ? [nowMs] : parts));
  }
  static now() {
    return nowMs;
  }
};

// Before the SDK is loaded: it keeps the `fetch` that it finds. A wrong turn ends the process, so
// that no handler for failed requests can swallow it.
function touchedTheNetwork() {
  process.stderr.write(`${new Error("the SDK touched the network").stack}\n`);
  process.exit(3);
}
globalThis.fetch = touchedTheNetwork;
Socket.prototype.connect = touchedTheNetwork;

const { createClerkClient } = await import("@clerk/backend");
const client = createClerkClient({
  // Neither is used: `jwtKey` settles which key counts. The SDK only wants to see them.
  secretKey: "sk_live_unused",
  publishableKey: `pk_live_${btoa("clerk.example.com$")}`,
  telemetry: { disabled: true },
});

async function verdict({ token, now_ms, issuer, authorized_parties, audience, jwt_key }) {
  nowMs = now_ms;
  let request;
  try {
    request = new Request("https://api.example.com/v1/me", {
      headers: { authorization: `Bearer ${token}` },
    });
  } catch {
    return { signed_in: false, reason: "no header can hold it" };
  }
  const state = await client.authenticateRequest(request, {
    jwtKey: jwt_key,
    authorizedParties: authorized_parties,
    audience: audience ?? undefined,
    issuer,
  });
  const session = state.toAuth();
  if (!session?.isAuthenticated) {
    return { signed_in: false, reason: `${state.reason ?? "signed out"}: ${state.message ?? ""}` };
  }
  return {
    signed_in: true,
    version: session.sessionClaims.v === 2 ? 2 : 1,
    user: session.userId,
    organization: session.orgId ?? null,
    role: session.orgRole ?? null,
    slug: session.orgSlug ?? null,
    actor: session.actor !== undefined,
  };
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  let answer;
  try {
    answer = await verdict(JSON.parse(line));
  } catch (error) {
    answer = { signed_in: false, reason: `exception: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
