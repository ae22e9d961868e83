//! What the derive macros cannot express.

use capykeys_domain::{
    model::{KeySource, Scope, ScopeCatalogue},
    policy::Rejection,
    usecases::AuthSource,
};
use serde_json::{Map, Value, json};

use super::secrets;

/// What a person calls something: no control characters, and not white space and invisible characters alone.
const TEXT: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\u0000-\u0020\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8][^\u0000-\u001f\u007f-\u009f]*$";

/// Completes the document of a service with these scopes.
pub(super) fn refine(document: &mut Value, catalogue: &ScopeCatalogue) {
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        for (name, schema) in &mut *schemas {
            complete(name, schema, catalogue);
        }
        add_examples(schemas);
    }
    for response in ["ServiceUnavailable", "TooManyRequests", "Conflict"] {
        if let Some(header) =
            document.pointer_mut(&format!("/components/responses/{response}/headers/Retry-After"))
        {
            header["schema"] = json!({ "type": "integer", "format": "int32", "minimum": 0 });
        }
    }
    for item in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        let has_optional_body =
            |it: &&mut Value| it["operationId"] == "disableApiKey" || it["operationId"] == "rotateApiKey";
        if let Some(post) = item.get_mut("post").filter(has_optional_body) {
            post["requestBody"]["required"] = false.into();
        }
    }
    drop_unused(document, "responses");
    drop_unused(document, "schemas");
}

fn complete(name: &str, schema: &mut Value, catalogue: &ScopeCatalogue) {
    if let Some(scopes) = schema.pointer_mut("/example/scopes") {
        name_scopes_that_there_are(scopes, catalogue);
    }
    for (request, text) in [
        ("CreateApiKeyRequest", "name"),
        ("CreateApiKeyRequest", "device_name"),
        ("UpdateApiKeyRequest", "name"),
        ("UpdateApiKeyRequest", "device_name"),
        ("DisableApiKeyRequest", "reason"),
    ] {
        if name == request {
            schema["properties"][text]["pattern"] = TEXT.into();
        }
    }
    if name == "Scope" {
        return list_scopes(schema, catalogue);
    }
    let Some(properties) = schema.get_mut("properties") else { return };
    secrets::mark(properties);
    match name {
        "ApiKey" => {
            grow(&mut properties["source"], KeySource::ALL.iter().map(KeySource::as_str));
            grow(&mut properties["scopes"]["items"], names(catalogue));
        }
        "Principal" => {
            grow(&mut properties["auth_source"], AuthSource::ALL.into_iter().map(AuthSource::as_str));
            grow(&mut properties["scopes"]["items"], names(catalogue));
        }
        "Verdict" => grow(&mut properties["code"], Rejection::ALL.into_iter().map(Rejection::as_str)),
        "UpdateApiKeyRequest" => {
            for name in ["expires_at", "device_name"] {
                allow_null(&mut properties[name]);
            }
        }
        "CreateApiKeyRequest" => add_project_rule(schema, catalogue),
        "Viewer" => describe_organization(&mut properties["organization"]),
        _ => {}
    }
}

/// What is given, or null.
fn allow_null(schema: &mut Value) {
    let Some(mut members) = schema.as_object().cloned() else { return };
    let description = members.remove("description");
    *schema = json!({ "description": description, "oneOf": [members, { "type": "null" }] });
}

/// In an answer a set of strings grows: a client that was generated before must read what it does not know, and
/// with `enum` most of them refuse the whole answer. The convention is Zalando's (rule 112 of its guidelines).
fn grow<'a>(text: &mut Value, known: impl Iterator<Item = &'a str>) {
    text["x-extensible-enum"] = known.collect();
}

fn names(catalogue: &ScopeCatalogue) -> impl Iterator<Item = &str> {
    catalogue.definitions().iter().map(|one| one.scope.as_str())
}

/// Linters warn of a component that nobody refers to.
fn drop_unused(document: &mut Value, kind: &str) {
    let text = document.to_string();
    if let Some(components) = document["components"][kind].as_object_mut() {
        components.retain(|name, _| text.contains(&format!("\"#/components/{kind}/{name}\"")));
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
    request["if"] = json!({ "required": ["project_id"] });
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
    schema["enum"] = names(catalogue).collect();
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
fn add_examples(schemas: &mut Map<String, Value>) {
    let of = |name: &str| schemas.get(name).map(|schema| schema["example"].clone()).unwrap_or_default();
    let (key, organization, principal) = (of("ApiKey"), of("Organization"), of("Principal"));
    let plaintext = format!("{}{}", key["key_prefix"].as_str().unwrap_or_default(), "0".repeat(34));
    let good = json!({ "valid": true, "api_key": key, "max_age_ms": 420 });
    let bad = json!({ "valid": false, "code": "revoked", "max_age_ms": 420 });
    let examples = [
        ("ApiKeyEnvelope", json!({ "api_key": key })),
        ("ApiKeyList", json!({ "api_keys": [key] })),
        ("RevokedApiKeys", json!({ "revoked": 1, "api_keys": [key], "more": false, "dry_run": true })),
        ("CreatedApiKey", json!({ "api_key": key, "plaintext_api_key": plaintext })),
        ("Verdict", good.clone()),
        ("VerdictList", json!({ "results": [good, bad] })),
        ("VerifyApiKeysRequest", json!({ "verifications": [of("VerifyApiKeyRequest")] })),
        ("OrganizationEnvelope", json!({ "organization": organization })),
        ("Viewer", json!({ "organization": organization, "principal": principal })),
    ];
    for (name, example) in examples {
        if let Some(schema) = schemas.get_mut(name) {
            schema["example"] = example;
        }
    }
}
