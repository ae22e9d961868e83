//! What the derive macros cannot express.

use capykeys_domain::model::Scope;
use serde_json::{Value, json};

/// Completes the document.
pub(super) fn refine(document: &mut Value) {
    let schemas = &mut document["components"]["schemas"];
    add_project_rule(&mut schemas["CreateApiKeyRequest"]);
    name_scopes(&mut schemas["Scope"]);
    // Generated clients do not print it then.
    schemas["CreateApiKeyResponse"]["properties"]["plaintext_api_key"]["format"] = json!("password");
    describe_organization(&mut schemas["Viewer"]["properties"]["organization"]);
    add_examples(schemas);
    let responses = &mut document["components"]["responses"];
    for name in ["ServiceUnavailable", "TooManyRequests"] {
        let seconds = json!({ "type": "integer", "format": "int32", "minimum": 0 });
        responses[name]["headers"]["Retry-After"]["schema"] = seconds;
    }
}

/// A key of one project carries no scope that reaches beyond it. Of the ways to say so, this is the
/// one that generators of clients pass over and linters and validators understand.
fn add_project_rule(request: &mut Value) {
    let beyond_a_project: Vec<&str> =
        Scope::ALL.iter().filter(|scope| !scope.fits_a_project()).map(|scope| scope.as_str()).collect();
    request["if"] = json!({ "required": ["project_id"], "properties": { "project_id": true } });
    request["then"] =
        json!({ "properties": { "scopes": { "items": { "not": { "enum": beyond_a_project } } } } });
}

/// Names for the constants of generated clients, who would number what is no word.
fn name_scopes(scope: &mut Value) {
    let name = |scope: &Scope| match scope {
        Scope::All => "ALL".to_owned(),
        _ => scope.as_str().replace(':', "_").to_ascii_uppercase(),
    };
    scope["x-enum-varnames"] = Scope::ALL.iter().map(name).collect();
}

/// Beside a `$ref`, generators lose a description.
fn describe_organization(organization: &mut Value) {
    if let Some(reference) = organization["oneOf"].as_array_mut().and_then(|either| {
        either.iter_mut().find_map(|one| one.as_object_mut().filter(|one| one.contains_key("$ref")))
    }) {
        reference.remove("description");
    }
    organization["description"] = json!("The caller's organization; null where a session has none here.");
}

/// Examples that are put together from those of the parts.
fn add_examples(schemas: &mut Value) {
    let of = |name: &str| schemas[name]["example"].clone();
    let (key, organization, principal) = (of("ApiKey"), of("Organization"), of("Principal"));
    let plaintext = format!("{}{}", key["key_prefix"].as_str().unwrap_or_default(), "0".repeat(34));
    schemas["ListApiKeysResponse"]["example"] = json!({ "api_keys": [key] });
    schemas["CreateApiKeyResponse"]["example"] = json!({ "api_key": key, "plaintext_api_key": plaintext });
    let good = json!({ "valid": true, "api_key": key, "max_age_ms": 420 });
    let bad = json!({ "valid": false, "code": "revoked", "max_age_ms": 420 });
    schemas["VerifyApiKeyResponse"]["example"] = good.clone();
    schemas["VerifyApiKeysResponse"]["example"] = json!({ "results": [good, bad] });
    schemas["OrganizationResponse"]["example"] = json!({ "organization": organization });
    schemas["Viewer"]["example"] = json!({ "organization": organization, "principal": principal });
}
