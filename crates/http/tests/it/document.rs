//! The OpenAPI document against the server that serves it.

use crate::support::Site;
use serde_json::Value;

fn document() -> Value {
    serde_json::from_str(&capykeys_http::openapi_json()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_is_what_is_committed() {
    let site = Site::new().await;
    let answer = site.send("GET", "/v1/openapi.json", &[], "");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.body, capykeys_http::openapi_json());
    assert!(answer.body.ends_with("}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_operation_is_served_and_no_other_method() {
    let (public, internal) = (Site::new().await, Site::internal().await);
    let document = document();
    for (path, item) in document["paths"].as_object().unwrap() {
        // Those that are not served where the document is say where they are.
        let site = if item["post"].get("servers").is_some() { &internal } else { &public };
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
    let document = document();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values());
    let mut ids: Vec<_> = operations.map(|it| it["operationId"].as_str().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(
        ids,
        [
            "createApiKey",
            "getLivez",
            "getOpenApi",
            "getOrganization",
            "getReadyz",
            "getStatus",
            "getViewer",
            "listApiKeys",
            "revokeApiKey",
            "verifyApiKey",
            "verifyApiKeys"
        ]
    );
}

#[test]
fn optional_members_are_left_out_and_never_null() {
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let text = schema.to_string();
        assert_eq!(text.contains("\"null\""), name == "Viewer", "{name}");
    }
}

#[test]
fn every_response_is_described_and_carries_the_request_id() {
    let document = document();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values());
    let inline = operations.flat_map(|it| it["responses"].as_object().unwrap().values());
    let inline = inline.filter(|it| it.get("$ref").is_none());
    for response in inline.chain(document["components"]["responses"].as_object().unwrap().values()) {
        assert!(!response["description"].as_str().unwrap().is_empty());
        assert!(response["headers"].get("X-Request-Id").is_some(), "{response}");
    }
}
