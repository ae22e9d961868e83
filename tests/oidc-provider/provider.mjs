// A real OpenID provider on loopback, and a client of it that signs people in: the code flow with PKCE (OpenID
// Connect Core 1.0, section 3.1; RFC 7636), with what a browser does done here.

import "./quiet.mjs";
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

export const CLIENT = "dashboard";
export const AUDIENCE = "https://keys.example.com";
const REDIRECT = "https://dashboard.example.com/callback";

/** Who there is, and what the tokens say of them. */
const PEOPLE = {
  "auth0|alice": { org_id: "acme-5e1c", org_name: "Acme Ltd", groups: ["staff", "Capykeys Admins"] },
  bob: { org_id: "acme-5e1c", org_name: "Acme Ltd", groups: ["staff"] },
  "eve@example.com": { org_id: "Other_1", groups: ["Capykeys Admins"] },
  nobody: {},
};

function signingKey(kid) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), kid, use: "sig", alg: "RS256" };
}

/** Starts a provider at a port (0 for any) with a new key. */
export async function start(port = 0) {
  const server = createServer();
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const claimsOf = (id) => ({ sub: id, ...PEOPLE[id] });
  const provider = new Provider(issuer, {
    jwks: { keys: [signingKey(randomBytes(4).toString("hex"))] },
    cookies: { keys: ["only a test"] },
    clients: [CLIENT, "preview"].map((id) => ({
      client_id: id,
      token_endpoint_auth_method: "none",
      redirect_uris: [REDIRECT],
    })).concat({
      client_id: "machine",
      client_secret: "only a test",
      redirect_uris: [],
      response_types: [],
      grant_types: ["client_credentials"],
    }),
    claims: { openid: ["sub", "org_id", "org_name", "groups"] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => (PEOPLE[id] ? { accountId: id, claims: () => claimsOf(id) } : undefined),
    extraTokenClaims: (_, token) => PEOPLE[token.accountId],
    features: {
      devInteractions: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: "",
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "RS256" } },
        }),
      },
    },
    ttl: { IdToken: 300 },
  });
  server.on("request", provider.callback());
  return {
    issuer,
    port: server.address().port,
    signIn: (login, options) => signIn(issuer, login, options),
    machine: () => machine(issuer),
    stop: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }),
  };
}

/** Follows redirects as a browser does, with its cookies, until they lead away. */
async function browse(cookies, url, form) {
  for (;;) {
    const headers = { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
    const answer = await fetch(url, { method: form ? "POST" : "GET", body: form, headers, redirect: "manual" });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
      if (value) cookies.set(name, value); else cookies.delete(name);
    }
    const location = answer.headers.get("location");
    if (!location) {
      if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
      return { url };
    }
    url = new URL(location, url).href;
    if (url.startsWith(REDIRECT)) return { code: new URL(url).searchParams.get("code") };
    form = undefined;
  }
}

/** The tokens of somebody who signs in with a client, for an audience. */
async function signIn(issuer, login, { client = CLIENT, audience = AUDIENCE } = {}) {
  const verifier = randomBytes(32).toString("base64url");
  const authorization = new URL(`${issuer}/auth`);
  authorization.search = new URLSearchParams({
    client_id: client,
    response_type: "code",
    redirect_uri: REDIRECT,
    scope: "openid",
    resource: audience,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const cookies = new Map();
  let page = await browse(cookies, authorization.href);
  for (const prompt of ["login", "consent"]) {
    const form = new URLSearchParams({ prompt, login, password: "any" });
    page = await browse(cookies, page.url, form);
  }
  return token(issuer, {
    grant_type: "authorization_code",
    client_id: client,
    code: page.code,
    redirect_uri: REDIRECT,
    code_verifier: verifier,
    resource: audience,
  });
}

/** The token that a client gets for itself. */
function machine(issuer) {
  const basic = Buffer.from(`machine:${encodeURIComponent("only a test")}`).toString("base64");
  return token(issuer, { grant_type: "client_credentials", resource: AUDIENCE }, { authorization: `Basic ${basic}` });
}

async function token(issuer, form, headers = {}) {
  const answer = await fetch(`${issuer}/token`, { method: "POST", body: new URLSearchParams(form), headers });
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  return answer.json();
}
