//! The OpenAPI document against the server that serves it.

use capykeys_http::{Audience, Dialect, openapi_json};
use serde_json::Value;

use crate::support::Site;

const AUDIENCES: [Audience; 2] = [Audience::Public, Audience::Internal];

fn document_for(audience: Audience) -> Value {
    serde_json::from_str(&openapi_json(audience, Dialect::V3_1)).unwrap()
}

/// All of ours.
fn documents() -> impl Iterator<Item = Value> {
    AUDIENCES.into_iter().flat_map(|audience| {
        [Dialect::V3_1, Dialect::V3_0]
            .map(|dialect| serde_json::from_str(&openapi_json(audience, dialect)).unwrap())
    })
}

async fn site_for(audience: Audience) -> Site {
    match audience {
        Audience::Public => Site::new().await,
        Audience::Internal => Site::internal().await,
    }
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    document["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_what_is_committed() {
    for audience in AUDIENCES {
        let answer = site_for(audience).await.send("GET", "/v1/openapi.json", &[], "");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.body, openapi_json(audience, Dialect::V3_1));
        assert!(answer.body.ends_with("}\n"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_served_and_no_other_method() {
    for audience in AUDIENCES {
        let site = site_for(audience).await;
        every_operation_is_served(&site, &document_for(audience));
    }
}

fn every_operation_is_served(site: &Site, document: &Value) {
    for (path, item) in document["paths"].as_object().unwrap() {
        let path = path.replace("{orgID}", "a").replace("{keyID}", "b");
        let allowed = site.send("PUT", &path, &[], "");
        assert_eq!(allowed.status, 405, "{path}");
        let documented: Vec<_> = item.as_object().unwrap().keys().map(|it| it.to_uppercase()).collect();
        // HEAD goes without saying.
        let expected = documented.join(", ").replace("GET", "GET, HEAD");
        assert_eq!(allowed.header("allow"), Some(expected.as_str()), "{path}");
        for method in documented {
            let answer = site.send(&method, &path, &[], "");
            let status = answer.status.to_string();
            assert!(
                item[method.to_lowercase()]["responses"].get(&status).is_some(),
                "{method} {path} {status}"
            );
            assert!(matches!(answer.status, 200 | 401 | 415), "{method} {path} {status}");
        }
    }
}

#[test]
fn operations_have_the_names_of_the_contract() {
    let of = |audience| {
        let document = document_for(audience);
        let ids = operations(&document).map(|it| it["operationId"].as_str().unwrap().to_owned());
        let mut ids: Vec<_> = ids.collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(
        of(Audience::Public),
        [
            "createApiKey",
            "disableApiKey",
            "enableApiKey",
            "finishApiKeyRotation",
            "getApiKey",
            "getLivez",
            "getOpenApi",
            "getOrganization",
            "getReadyz",
            "getStatus",
            "getViewer",
            "listApiKeys",
            "revokeApiKey",
            "revokeApiKeys",
            "rotateApiKey",
            "updateApiKey",
        ]
    );
    assert_eq!(
        of(Audience::Internal),
        ["getLivez", "getOpenApi", "getReadyz", "verifyApiKey", "verifyApiKeys"]
    );
}

#[test]
fn optional_members_are_left_out_and_never_null() {
    for document in documents() {
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let text = schema.to_string();
            let nullable = text.contains("\"null\"") || text.contains("\"nullable\"");
            assert_eq!(nullable, ["Viewer", "UpdateApiKeyRequest"].contains(&name.as_str()), "{name}");
        }
    }
}

#[test]
fn every_response_is_described_and_carries_the_request_id() {
    for document in documents() {
        let inline = operations(&document).flat_map(|it| it["responses"].as_object().unwrap().values());
        let inline = inline.filter(|it| it.get("$ref").is_none());
        for response in inline.chain(document["components"]["responses"].as_object().unwrap().values()) {
            assert!(!response["description"].as_str().unwrap().is_empty());
            assert!(response["headers"].get("X-Request-Id").is_some(), "{response}");
        }
    }
}

/// What was tried in nine generators, and kept one of them from making a client or made one that could not be used.
#[test]
fn nothing_is_said_in_a_way_that_a_generator_cannot_read() {
    for document in documents() {
        let text = document.to_string();
        for construct in ["\"anyOf\"", "\"format\":\"password\"", "\"properties\":{\"project_id\":true}"] {
            assert!(!text.contains(construct), "{construct}");
        }
        for operation in operations(&document) {
            assert!(operation.get("servers").is_none(), "an address in a client: {operation}");
            for others in ["4XX", "5XX"] {
                assert!(operation["responses"].get(others).is_some(), "{others}: {operation}");
            }
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            assert!(!name.ends_with("Response") || name == "ErrorResponse", "{name} is declared twice in Go");
        }
        every_type(&document, &mut |types| assert!(types.is_string(), "a list of types: {types}"));
    }
}

fn every_type(value: &Value, see: &mut impl FnMut(&Value)) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| every_type(value, see)),
        Value::Object(members) => {
            for (name, value) in members {
                // In an example, or the properties' names, it is anything.
                if name == "type" && !value.is_object() {
                    see(value);
                }
                every_type(value, see);
            }
        }
        _ => {}
    }
}

/// A client that was made today has to read what a service of tomorrow answers.
#[test]
fn only_requests_have_closed_sets() {
    let public = document_for(Audience::Public);
    let closed: Vec<_> = public["components"]["schemas"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, schema)| schema.to_string().contains("\"enum\""))
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(closed, ["CreateApiKeyRequest", "Scope"]);
    for answer in ["ApiKey", "ApiKeyList", "CreatedApiKey", "Principal", "Viewer"] {
        let schema = &public["components"]["schemas"][answer]["properties"];
        assert!(!schema.to_string().contains("schemas/Scope\""), "{answer}");
    }
    let known = |document: &Value, pointer: &str| {
        document.pointer(pointer).and_then(Value::as_array).map_or(0, Vec::len)
    };
    assert_eq!(known(&public, "/components/schemas/ApiKey/properties/source/x-extensible-enum"), 6);
    assert_eq!(known(&public, "/components/schemas/ApiKey/properties/scopes/items/x-extensible-enum"), 12);
    let internal = document_for(Audience::Internal);
    assert_eq!(known(&internal, "/components/schemas/Verdict/properties/code/x-extensible-enum"), 7);
}

#[test]
fn what_is_secret_is_marked() {
    let marked = |audience, pointer: &str| document_for(audience).pointer(pointer).cloned();
    for (audience, schema, property) in [
        (Audience::Public, "CreatedApiKey", "plaintext_api_key"),
        (Audience::Internal, "VerifyApiKeyRequest", "api_key"),
    ] {
        let pointer = format!("/components/schemas/{schema}/properties/{property}/x-sensitive");
        assert_eq!(marked(audience, &pointer), Some(Value::Bool(true)), "{pointer}");
    }
}

#[test]
fn the_older_rendition_holds_nothing_that_is_newer() {
    for audience in AUDIENCES {
        let older: Value = serde_json::from_str(&openapi_json(audience, Dialect::V3_0)).unwrap();
        assert_eq!(older["openapi"], "3.0.3");
        let text = older.to_string();
        for newer in ["\"type\":\"null\"", "\"if\"", "\"then\"", "\"identifier\""] {
            assert!(!text.contains(newer), "{newer}");
        }
        assert!(!text.contains("\"$ref\":\"#/components/schemas/ApiKey\",\""), "a word beside a reference");
        let newer = document_for(audience);
        assert_eq!(operations(&older).count(), operations(&newer).count());
        let names =
            |of: &Value| of["components"]["schemas"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&older), names(&newer));
    }
}
