//! The members that hold a secret: which there are, how the documents mark them, and that none is forgotten.

use std::{error::Error, fmt};

use capykeys_domain::model::ScopeCatalogue;
use serde_json::{Map, Value};

use super::document::{Audience, document};
use crate::base_path::BasePath;

/// The names of all members that hold a secret, in any body. A text of such a name is marked in the documents, and the
/// log of the service shows no field that is called so.
pub const SECRET_MEMBERS: [&str; 3] = ["api_key", "key_digest", "plaintext_api_key"];

/// What the name of a secret has in it, or at its end, however its words are joined.
const TELLING: [&str; 8] =
    ["credential", "passphrase", "password", "pepper", "plaintext", "secret", "signature", "token"];
const TELLING_ENDS: [&str; 4] = ["apikey", "authorization", "cookie", "privatekey"];

/// How far a schema is followed through what it is made of: further than ours go, and not for ever.
const DEPTH: u8 = 8;

/// For tools that look at traffic. It is no `format: password`: a client in Python has a type for that, which its next
/// call does not take.
const MARK: &str = "x-sensitive";

/// A member that holds a secret, and is not treated as one.
#[derive(Debug, PartialEq, Eq)]
pub enum UncoveredSecret {
    /// The document does not say that it is one.
    Unmarked(String),
    /// The log would show a field of its name.
    Logged(String),
}

impl fmt::Display for UncoveredSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmarked(member) => write!(f, "the API's document does not mark `{member}` as a secret"),
            Self::Logged(member) => write!(f, "the log would show the secret `{member}`"),
        }
    }
}

impl Error for UncoveredSecret {}

/// Marks the secrets among the properties of a schema.
pub(super) fn mark(properties: &mut Value) {
    for (name, schema) in properties.as_object_mut().into_iter().flatten() {
        if SECRET_MEMBERS.contains(&name.as_str()) && has(&Value::Null, schema, is_text, DEPTH) {
            schema[MARK] = true.into();
        }
    }
}

/// That every secret in both documents is marked, and that the log shows none: without it nothing is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretsCovered(());

impl SecretsCovered {
    /// Looks at both documents of a service with these scopes, of whose log fields of these names are kept `hidden`.
    ///
    /// # Errors
    /// The first member that holds a secret and is not marked as one, or would be logged.
    pub fn check(catalogue: &ScopeCatalogue, hidden: &[&str]) -> Result<Self, UncoveredSecret> {
        for audience in [Audience::Public, Audience::Internal] {
            check(&document(audience, &BasePath::default(), catalogue), hidden)?;
        }
        Ok(Self(()))
    }
}

/// Looks at all members of bodies, parameters and headers, wherever in the document they are described.
///
/// # Errors
/// The first that looks like a secret and is not marked, or is marked and not one of those that the log keeps `hidden`.
fn check(document: &Value, hidden: &[&str]) -> Result<(), UncoveredSecret> {
    check_part(document, document, hidden)
}

fn check_part(document: &Value, part: &Value, hidden: &[&str]) -> Result<(), UncoveredSecret> {
    match part {
        Value::Array(values) => values.iter().try_for_each(|value| check_part(document, value, hidden)),
        Value::Object(members) => {
            let described =
                |kind| members.get(kind).and_then(Value::as_object).into_iter().flat_map(Map::iter);
            let properties = described("properties")
                .map(|(name, schema)| (name.as_str(), schema, has(document, schema, is_text, DEPTH)));
            // On the wire these are texts, whatever they stand for.
            let headers = described("headers").map(|(name, header)| (name.as_str(), header, true));
            let parameter = parameter_name(members).map(|name| (name, part, true));
            properties.chain(headers).chain(parameter).try_for_each(|(name, described, is_text)| {
                let is_marked = has(document, described, |one| one[MARK] == true, DEPTH);
                if is_text && looks_secret(name) && !is_marked {
                    Err(UncoveredSecret::Unmarked(name.to_owned()))
                } else if is_marked && !hidden.contains(&name) {
                    Err(UncoveredSecret::Logged(name.to_owned()))
                } else {
                    Ok(())
                }
            })?;
            members.values().try_for_each(|value| check_part(document, value, hidden))
        }
        _ => Ok(()),
    }
}

/// The name of a parameter. A security scheme has one too: it says where a secret stands, and is none.
fn parameter_name(members: &Map<String, Value>) -> Option<&str> {
    let is_parameter = members.contains_key("in") && !members.contains_key("type");
    members.get("name").filter(|_| is_parameter)?.as_str()
}

/// Whether this is true of a schema, or of one that it refers to, may be, or is a list or a table of.
fn has(document: &Value, schema: &Value, is_such: fn(&Value) -> bool, depth: u8) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let referred =
        schema["$ref"].as_str().and_then(|reference| document.pointer(reference.strip_prefix('#')?));
    let parts = ["schema", "items", "additionalProperties"].into_iter().filter_map(|part| schema.get(part));
    let either = ["oneOf", "anyOf", "allOf", "prefixItems"].into_iter();
    let either = either.filter_map(|kind| schema[kind].as_array()).flatten();
    is_such(schema)
        || referred.into_iter().chain(parts).chain(either).any(|one| has(document, one, is_such, depth))
}

/// Whether it is a text by its type, or anything at all.
fn is_text(schema: &Value) -> bool {
    const NARROWER: [&str; 6] = ["$ref", "allOf", "anyOf", "oneOf", "properties", "type"];
    let of = &schema["type"];
    of == "string"
        || of.as_array().is_some_and(|types| types.iter().any(|one| one == "string"))
        || schema.as_object().is_some_and(|schema| NARROWER.iter().all(|word| !schema.contains_key(*word)))
}

fn looks_secret(name: &str) -> bool {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    let one = name.strip_suffix('s').unwrap_or(&name);
    TELLING.iter().any(|word| name.contains(word)) || TELLING_ENDS.iter().any(|end| one.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn described(audience: Audience) -> Value {
        document(audience, &BasePath::default(), &ScopeCatalogue::default())
    }

    #[test]
    fn the_documents_mark_every_secret_and_the_log_shows_none() {
        assert!(SecretsCovered::check(&ScopeCatalogue::default(), &SECRET_MEMBERS).is_ok());
        for (audience, schema, member) in [
            (Audience::Public, "CreatedApiKey", "plaintext_api_key"),
            (Audience::Internal, "VerifyApiKeyRequest", "api_key"),
        ] {
            let mut document = described(audience);
            let place = format!("/components/schemas/{schema}/properties/{member}");
            let text = document.pointer_mut(&place).unwrap().as_object_mut().unwrap();
            assert_eq!(text.remove(MARK), Some(true.into()), "{member}");
            assert_eq!(check(&document, &SECRET_MEMBERS), Err(UncoveredSecret::Unmarked(member.to_owned())));
        }
    }

    #[test]
    fn a_secret_that_the_log_would_show_is_refused() {
        for (at, member) in SECRET_MEMBERS.into_iter().enumerate() {
            let others = [&SECRET_MEMBERS[..at], &SECRET_MEMBERS[at + 1..]].concat();
            let refused = SecretsCovered::check(&ScopeCatalogue::default(), &others);
            assert_eq!(refused, Err(UncoveredSecret::Logged(member.to_owned())));
        }
    }

    #[test]
    fn a_planted_secret_without_the_mark_is_refused_wherever_it_is() {
        let planted = [
            ("/components/schemas/ApiKey/properties", "webhook_secret", json!({ "type": "string" })),
            ("/components/schemas/Viewer/properties", "sessionToken", json!({ "type": ["string", "null"] })),
            ("/components/schemas/Organization/properties", "their_api_key", json!({ "type": "string" })),
        ];
        let of_a_kind = [
            json!({ "$ref": "#/components/schemas/Planted" }),
            json!({ "oneOf": [{ "$ref": "#/components/schemas/Planted" }, { "type": "null" }] }),
            json!({ "anyOf": [{ "type": "integer" }, { "type": "string" }] }),
            json!({ "allOf": [{ "$ref": "#/components/schemas/Planted" }], "nullable": true }),
            json!({ "type": "array", "items": { "type": "string" } }),
            json!({ "type": "object", "additionalProperties": { "type": "string" } }),
            json!({ "description": "anything" }),
        ];
        let of_a_kind = of_a_kind.into_iter().flat_map(|schema| {
            ["access_tokens", "apiKeys"]
                .map(|name| ("/components/schemas/ApiKey/properties", name, schema.clone()))
        });
        for (place, name, schema) in planted.into_iter().chain(of_a_kind) {
            let mut document = described(Audience::Public);
            document["components"]["schemas"]["Planted"] = json!({ "type": "string" });
            document.pointer_mut(place).unwrap()[name] = schema.clone();
            let refused = check(&document, &SECRET_MEMBERS);
            assert_eq!(refused, Err(UncoveredSecret::Unmarked(name.to_owned())), "{schema}");
        }
        let mut inline = described(Audience::Public);
        inline["paths"]["/status"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] =
            json!({ "properties": { "inner": { "properties": { "password": { "type": "string" } } } } });
        let refused = check(&inline, &SECRET_MEMBERS);
        assert_eq!(refused, Err(UncoveredSecret::Unmarked("password".to_owned())));
    }

    #[test]
    fn a_planted_secret_among_parameters_and_headers_is_refused_until_it_is_marked_and_hidden() {
        let number = json!({ "type": "integer" });
        let parameter = |name| json!({ "name": name, "in": "query", "schema": number });
        let mut inline = described(Audience::Public);
        inline["paths"]["/status"]["get"]["parameters"] = json!([parameter("resetToken")]);
        let mut shared = described(Audience::Public);
        shared["components"]["parameters"] = json!({ "Key": parameter("api-key") });
        let mut answered = described(Audience::Public);
        answered["paths"]["/status"]["get"]["responses"]["200"]["headers"]["Set-Cookie"] =
            json!({ "schema": { "type": "string" } });
        for (mut document, name, place) in [
            (inline, "resetToken", "/paths/~1status/get/parameters/0"),
            (shared, "api-key", "/components/parameters/Key/schema"),
            (answered, "Set-Cookie", "/paths/~1status/get/responses/200/headers/Set-Cookie/schema"),
        ] {
            assert_eq!(check(&document, &SECRET_MEMBERS), Err(UncoveredSecret::Unmarked(name.to_owned())));
            document.pointer_mut(place).unwrap()[MARK] = true.into();
            assert_eq!(check(&document, &SECRET_MEMBERS), Err(UncoveredSecret::Logged(name.to_owned())));
            assert_eq!(check(&document, &[&SECRET_MEMBERS[..], &[name]].concat()), Ok(()));
        }
    }

    #[test]
    fn a_schema_that_is_made_of_itself_comes_to_an_end() {
        let document = json!({
            "components": { "schemas": { "Tree": { "type": "array", "items": { "$ref": "#/components/schemas/Tree" } } } },
            "properties": { "token_tree": { "$ref": "#/components/schemas/Tree" } },
        });
        assert_eq!(check(&document, &[]), Ok(()));
    }

    #[test]
    fn what_is_called_after_a_key_and_is_none_needs_no_mark() {
        for name in ["key_prefix", "api_key_id", "key_id", "auth_source"] {
            assert!(!looks_secret(name), "{name}");
        }
        let key = json!({ "properties": { "api_key": { "$ref": "#/components/schemas/ApiKey" } } });
        assert_eq!(check(&key, &[]), Ok(()));
    }
}
