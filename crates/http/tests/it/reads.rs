//! What is there to be read besides keys: HEAD, the organization, the status, and all of it below a path.

use crate::support::{Answer, Mood, Site};
use capykeys_conformance::fixtures::context;
use capykeys_domain::{
    model::{KeyName, KeySpec, OrganizationName, ProjectId, Renaming, ScopeCatalogue, ScopeSet},
    policy::Permit,
    usecases::CreatedKey,
};

fn head(site: &Site, key: Option<&CreatedKey>, path: &str) -> Answer {
    let credential = key.map_or(String::new(), |key| format!("x-api-key: {}\r\n", key.plaintext.expose()));
    let mut connection = site.connect();
    let head = format!("HEAD {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{credential}\r\n");
    connection.send(head.as_bytes());
    let answer = Answer::parse_without_body(&connection.read_to_end());
    assert!(answer.rest.is_empty(), "HEAD has no body: {}", answer.rest.escape_ascii());
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn head_is_answered_as_get_is_but_for_the_body() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let (keys, organization) = (site.keys_path(), format!("/v1/organizations/{}", site.organization.id));
    for path in ["/v1/me", "/v1/openapi.json", "/livez", "/readyz", &keys, &organization, "/nowhere"] {
        let got = site.send_as(&key, "GET", path, "");
        let answer = head(&site, Some(&key), path);
        assert_eq!(answer.status, got.status, "{path}");
        assert_eq!(answer.header("content-type"), got.header("content-type"), "{path}");
        assert_eq!(answer.header("content-length"), got.header("content-length"), "{path}");
        assert_eq!(answer.header("transfer-encoding"), got.header("transfer-encoding"), "{path}");
    }
    for path in ["/v1/me", &keys, &organization] {
        let answer = head(&site, None, path);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{path}");
    }
    let page = head(&site, Some(&key), &format!("{keys}?limit=1"));
    assert_eq!((page.status, page.header("link")), (200, None));
    site.key(&["jobs:read"]).await;
    assert!(head(&site, Some(&key), &format!("{keys}?limit=1")).header("link").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_goes_on_after_head() {
    let site = Site::new().await;
    let bytes = b"HEAD /livez HTTP/1.1\r\nhost: test\r\n\r\nGET /livez HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n";
    let mut connection = site.connect();
    connection.send(bytes);
    let answers = String::from_utf8(connection.read_to_end()).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2, "{answers}");
    assert_eq!(answers.matches(r#"{"status":"ok"}"#).count(), 1, "{answers}");
}

#[tokio::test(flavor = "multi_thread")]
async fn any_good_key_of_an_organization_may_see_it() {
    let site = Site::new().await;
    let spec = KeySpec::new(KeyName::parse("p").unwrap(), ScopeSet::from_stored(["jobs:read"]).unwrap());
    let of_a_project = site
        .key_for(spec.for_project(ProjectId::parse("p1").unwrap(), &ScopeCatalogue::default()).unwrap())
        .await;
    let id = site.organization.id;
    let path = format!("/v1/organizations/{id}");
    let expected = format!(
        r#"{{"organization":{{"id":"{id}","name":"Acme","slug":"acme","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}}}}"#
    );
    for key in [site.key(&["jobs:read"]).await, of_a_project] {
        let answer = site.send_as(&key, "GET", &path, "");
        assert_eq!((answer.status, answer.body.as_str()), (200, expected.as_str()));
        for other in ["org_0123456789abcdefghjkmnpqrs", "none", "%00"] {
            assert_eq!(
                site.send_as(&key, "GET", &format!("/v1/organizations/{other}"), "").error(403),
                "The credential is not for this organization."
            );
        }
    }
    site.send("GET", &path, &[], "").error(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_is_shown_as_it_is_called_now() {
    let site = Site::new().await;
    let key = site.key(&["jobs:read"]).await;
    let permit = Permit::operator_manages(site.organization.id);
    let renaming = Renaming { name: OrganizationName::parse("Acme & Sons").ok(), ..Renaming::default() };
    site.clock.advance(1);
    site.operators.rename_organization(&permit, renaming, &context()).await.unwrap().unwrap();
    for path in ["/v1/me".to_owned(), format!("/v1/organizations/{}", site.organization.id)] {
        let organization = site.send_as(&key, "GET", &path, "").json()["organization"].clone();
        assert_eq!(organization["name"], "Acme & Sons", "{path}");
        assert_eq!(organization["slug"], "acme", "{path}");
        assert_eq!(organization["updated_at"], "2026-01-01T00:00:00.000002Z", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_is_told_to_everybody_and_found_out_once() {
    let site = Site::new().await;
    let good = r#"{"service":"capykeys","status":"operational","components":[{"name":"store","status":"operational"}],"updated_at":"2026-01-01T00:00:00Z"}"#;
    assert_eq!(site.send("GET", "/status", &[], "").body, good);
    // A credential makes no difference, not even one that is no good.
    let answer = site.send("GET", "/status", &[("authorization", "Bearer nonsense")], "");
    assert_eq!((answer.status, answer.body.as_str()), (200, good));
    site.store.set(Mood::Unavailable);
    site.clock.advance(1_000_000);
    assert_eq!(site.send("GET", "/status", &[], "").body, good, "it is remembered for some seconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_not_good_tells_nothing_of_why() {
    let site = Site::new().await;
    site.store.set(Mood::Unavailable);
    let answer = site.send("GET", "/status", &[], "");
    let expected = r#"{"service":"capykeys","status":"degraded","components":[{"name":"store","status":"unavailable","message":"API keys can be neither managed nor verified."}],"updated_at":"2026-01-01T00:00:00Z"}"#;
    assert_eq!((answer.status, answer.body.as_str()), (200, expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn below_a_path_there_is_all_of_the_api_and_at_the_root_health_alone() {
    let site = Site::below("/api/capydb").await;
    let key = site.key(&["*"]).await;
    let (keys, organization) = (site.keys_path(), format!("/v1/organizations/{}", site.organization.id));
    for path in ["/v1/me", "/v1/openapi.json", "/status", &keys, &organization] {
        assert_eq!(site.send_as(&key, "GET", &format!("/api/capydb{path}"), "").status, 200, "{path}");
        site.send_as(&key, "GET", path, "").error(404);
        site.send_as(&key, "GET", &format!("/api/capydb/{path}"), "").error(404);
        site.send_as(&key, "GET", &format!("/API/capydb{path}"), "").error(404);
    }
    for path in ["/livez", "/readyz", "/api/capydb/livez", "/api/capydb/readyz"] {
        assert_eq!(site.send("GET", path, &[], "").status, 200, "{path}");
    }
    site.send("GET", "/api/capydb", &[], "").error(404);
    let refused = site.send_as(&key, "PUT", &format!("/api/capydb{keys}"), "");
    refused.error(405);
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST"));
    let document = site.send("GET", "/api/capydb/v1/openapi.json", &[], "").json();
    assert_eq!(document["servers"][0]["url"], "/api/capydb");
}
