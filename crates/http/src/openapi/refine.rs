//! What the derive macros cannot express.

use capykeys_domain::model::{Scope, ScopeCatalogue};
use serde_json::{Value, json};

/// Completes the document of a service with these scopes.
pub(super) fn refine(document: &mut Value, catalogue: &ScopeCatalogue) {
    let schemas = &mut document["components"]["schemas"];
    add_project_rule(&mut schemas["CreateApiKeyRequest"], catalogue);
    list_scopes(&mut schemas["Scope"], catalogue);
    for name in ["ApiKey", "CreateApiKeyRequest", "Principal", "VerifyApiKeyRequest"] {
        name_scopes_that_there_are(&mut schemas[name]["example"]["scopes"], catalogue);
    }
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
fn add_project_rule(request: &mut Value, catalogue: &ScopeCatalogue) {
    let beyond = catalogue.definitions().iter().filter(|one| !one.for_projects);
    let beyond_a_project: Vec<&str> = beyond.map(|one| one.scope.as_str()).collect();
    let named: Vec<String> = catalogue.beyond_a_project().iter().map(|name| format!("`{name}`")).collect();
    let description = &mut request["properties"]["scopes"]["description"];
    *description = json!(format!(
        "{} For a key of one project,\nneither {}.",
        description.as_str().unwrap_or_default(),
        named.join(" nor ")
    ));
    request["if"] = json!({ "required": ["project_id"], "properties": { "project_id": true } });
    request["then"] =
        json!({ "properties": { "scopes": { "items": { "not": { "enum": beyond_a_project } } } } });
}

/// The scopes that there are, with names for the constants of generated clients, who would number what
/// is no word. No two have one name.
fn list_scopes(schema: &mut Value, catalogue: &ScopeCatalogue) {
    let mut constants: Vec<String> = Vec::new();
    for one in catalogue.definitions() {
        let mut name = match &one.scope {
            star if *star == Scope::ALL => "ALL".to_owned(),
            scope => scope.as_str().replace([':', '.', '-'], "_").to_ascii_uppercase(),
        };
        while constants.contains(&name) {
            name.push('_');
        }
        constants.push(name);
    }
    schema["enum"] = catalogue.definitions().iter().map(|one| one.scope.as_str()).collect();
    schema["x-enum-varnames"] = json!(constants);
    schema["x-enum-descriptions"] =
        catalogue.definitions().iter().map(|one| one.description.as_str()).collect();
}

/// An example has no other scopes than those that there are.
fn name_scopes_that_there_are(example: &mut Value, catalogue: &ScopeCatalogue) {
    let Some(names) = example.as_array_mut() else { return };
    names.retain(|name| name.as_str().is_some_and(|name| catalogue.contains(name)));
    if names.is_empty() {
        names.push(json!(Scope::API_KEYS_READ.as_str()));
    }
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
