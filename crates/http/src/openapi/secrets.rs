//! The members that hold a secret: which there are, how the documents mark them, and that none is forgotten.

use std::{error::Error, fmt};

use capykeys_domain::model::ScopeCatalogue;
use serde_json::{Map, Value};

use super::document::{Audience, document};
use crate::base_path::BasePath;

/// The names of all members that hold a secret, in any body. A text of such a name is marked in the documents, and the
/// log of the service shows no field that is called so.
pub const SECRET_MEMBERS: [&str; 2] = ["api_key", "plaintext_api_key"];

/// What the name of a secret has in it, or at its end.
const TELLING: [&str; 8] =
    ["credential", "passphrase", "password", "pepper", "plaintext", "secret", "signature", "token"];
const TELLING_ENDS: [&str; 2] = ["api_key", "private_key"];

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
        if SECRET_MEMBERS.contains(&name.as_str()) && is_text(schema) {
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

/// Looks at all properties, wherever in the document they are described.
///
/// # Errors
/// The first that looks like a secret and is not marked, or is marked and not one of those that the log keeps `hidden`.
fn check(document: &Value, hidden: &[&str]) -> Result<(), UncoveredSecret> {
    match document {
        Value::Array(values) => values.iter().try_for_each(|value| check(value, hidden)),
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            properties.into_iter().flat_map(Map::iter).try_for_each(|(name, schema)| {
                let is_marked = schema[MARK] == true;
                if is_text(schema) && looks_secret(name) && !is_marked {
                    Err(UncoveredSecret::Unmarked(name.clone()))
                } else if is_marked && !hidden.contains(&name.as_str()) {
                    Err(UncoveredSecret::Logged(name.clone()))
                } else {
                    Ok(())
                }
            })?;
            members.values().try_for_each(|value| check(value, hidden))
        }
        _ => Ok(()),
    }
}

fn is_text(schema: &Value) -> bool {
    let of = &schema["type"];
    of == "string" || of.as_array().is_some_and(|types| types.iter().any(|one| one == "string"))
}

fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    TELLING.iter().any(|word| name.contains(word)) || TELLING_ENDS.iter().any(|end| name.ends_with(end))
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
        for (place, name, schema) in planted {
            let mut document = described(Audience::Public);
            document.pointer_mut(place).unwrap()[name] = schema;
            assert_eq!(check(&document, &SECRET_MEMBERS), Err(UncoveredSecret::Unmarked(name.to_owned())));
        }
        let mut inline = described(Audience::Public);
        inline["paths"]["/status"]["get"]["responses"]["200"]["content"]["application/json"]["schema"] =
            json!({ "properties": { "inner": { "properties": { "password": { "type": "string" } } } } });
        let refused = check(&inline, &SECRET_MEMBERS);
        assert_eq!(refused, Err(UncoveredSecret::Unmarked("password".to_owned())));
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
