//! Verdicts for the cluster, and for gateways.

use capykeys_conformance::{
    fixtures::{IDENTITY_HEADERS, at},
    service::{Mood, spec},
};
use serde_json::{Value, json};

use crate::support::Site;

fn verify(site: &Site, body: &Value) -> (u16, Value) {
    let json = [("content-type", "application/json")];
    let answer = site.send("POST", "/v1/api-keys/verify", &json, &body.to_string());
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_200_whatever_it_is() {
    let site = Site::internal().await;
    let key = site.key(&["jobs:read"]).await;
    let (status, verdict) =
        verify(&site, &json!({"api_key": key.plaintext.expose(), "scopes": ["jobs:read"]}));
    assert_eq!((status, &verdict["valid"], &verdict["max_age_ms"]), (200, &json!(true), &json!(0)));
    assert_eq!(verdict["api_key"]["id"], key.key.id.to_string());
    assert!(verdict.get("code").is_none());
    let (status, verdict) = verify(&site, &json!({"api_key": key.plaintext.expose(), "scopes": ["*"]}));
    assert_eq!(
        (status, verdict),
        (200, json!({"valid": false, "code": "insufficient_scope", "max_age_ms": 0}))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_down_is_503_and_never_a_verdict() {
    let site = Site::internal().await;
    let key = site.key(&["jobs:read"]).await;
    site.service.mood.send_replace(Mood::Unavailable);
    assert_eq!(verify(&site, &json!({"api_key": key.plaintext.expose()})).0, 503);
    let bearer = format!("Bearer {}", key.plaintext.expose());
    let answer = site.send("GET", "/authorize/forward-auth", &[("authorization", &bearer)], "");
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    // What cannot be a key needs no store.
    assert_eq!(verify(&site, &json!({"api_key": "capy_live_x"})).1["code"], "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_let_through_is_named_in_every_header() {
    let site = Site::internal().await;
    let key = site.key(&["jobs:read", "backups:read"]).await;
    for path in ["/authorize/forward-auth", "/authorize/auth-request", "/authorize/ext-authz/any/where?x=y"] {
        for method in ["GET", "POST", "DELETE"] {
            let answer = site.send(method, path, &[("x-api-key", key.plaintext.expose())], "");
            assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{method} {path}");
            let values = IDENTITY_HEADERS.map(|name| answer.header(name).unwrap().to_owned());
            let (organization, id) = (site.organization.id.to_string(), key.key.id.to_string());
            let expected = [&organization, "", &id, "", "jobs:read backups:read", "api_key", ""];
            assert_eq!(values.each_ref().map(String::as_str), expected, "{method} {path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_key_is_said_when_it_is_near() {
    let site = Site::internal().await;
    let ends = at(1_000_000);
    let key = site.key_for(spec(&["jobs:read"]).expiring_at(ends, at(0)).unwrap()).await;
    for path in ["/authorize/forward-auth", "/authorize/auth-request", "/authorize/ext-authz/any/where"] {
        let headers = [("x-api-key", key.plaintext.expose()), ("x-capy-key-expires-at", "forged")];
        let answer = site.send("GET", path, &headers, "");
        assert_eq!(answer.header("x-capy-key-expires-at"), Some(ends.to_string().as_str()), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_401_and_403_alone() {
    let site = Site::internal().await;
    let key = site.key(&["jobs:read"]).await;
    let plaintext = key.plaintext.expose();
    let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/p/p_1")];
    let cases = [
        ("", None, None, 401),
        ("", Some(("authorization", "Bearer capy_live_x")), None, 401),
        ("", Some(("authorization", "Basic YTpi")), None, 401),
        ("", Some(("x-api-key", plaintext)), Some(("authorization", "Bearer other")), 401),
        ("?scopes=schema:read", Some(("x-api-key", plaintext)), None, 403),
        ("?project_path=/q/{project}", Some(("x-api-key", plaintext)), None, 403),
        ("?nonsense=1", Some(("x-api-key", plaintext)), None, 403),
        ("?anonymous=allow", Some(("x-api-key", "capy_live_x")), None, 401),
        ("?anonymous=allow", None, None, 200),
        ("?scopes=jobs:read&project_path=/p/{project}", Some(("x-api-key", plaintext)), None, 200),
    ];
    for (query, first, second, status) in cases {
        let headers: Vec<_> = forwarded.into_iter().chain(first).chain(second).collect();
        let answer = site.send("GET", &format!("/authorize/forward-auth{query}"), &headers, "");
        assert_eq!(answer.status, status, "{query}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{query}");
        assert_eq!(answer.header(IDENTITY_HEADERS[0]).is_some(), status == 200, "{query}");
    }
}
