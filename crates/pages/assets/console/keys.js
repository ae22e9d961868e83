// The keys of an organization, as the API tells of them.

/// How many keys are asked for at once: the most that the API gives.
const PAGE = 1_000;

/// Where the keys of an organization are.
export const keysOf = (organization) => `v1/organizations/${organization.id}/api-keys`;

/// All keys, newest first, in pages.
export async function* pages(ask, organization) {
  let query = `?limit=${PAGE}`;
  while (query) {
    const { body, headers } = await ask("GET", keysOf(organization) + query);
    yield body.api_keys;
    query = /<(\?[^>]*)>; *rel="next"/.exec(headers.get("link") ?? "")?.[1];
  }
}

/// The key as it is now: the first one behind that which stands before it in the list.
export async function asItIsNow(ask, organization, keys, key) {
  const newer = keys[keys.indexOf(key) - 1];
  const { body } = await ask("GET", `${keysOf(organization)}?limit=1${newer ? `&cursor=${newer.id}` : ""}`);
  const [found] = body.api_keys;
  // A key may have been created in the meantime, before the newest one.
  return found?.id === key.id ? found : key;
}

/// In which state the key is: the names are the filter's.
export function stateOf(key) {
  if (key.revoked_at) return "revoked";
  if (!key.is_active) return "expired";
  return key.disabled_at ? "disabled" : "active";
}

/// Whether the secret before the key's present one is good yet.
export function hasTwoSecrets(key) {
  return Boolean(key.is_active && key.previous_expires_at) && new Date(key.previous_expires_at) > Date.now();
}

/// Whether the key is in this state and has all words in what is shown of it.
export function matches(key, words, state) {
  const { name, id, key_prefix, previous_key_prefix, project_id, device_name, source, scopes } = key;
  const prefixes = [key_prefix, previous_key_prefix];
  const text = [name, id, ...prefixes, project_id, device_name, source, ...scopes].join(" ").toLowerCase();
  return (!state || stateOf(key) === state) && words.every((word) => text.includes(word));
}

/// Whether these scopes allow it.
export const grants = (scopes, scope) => scopes.includes(scope) || scopes.includes("*");
