//! The wire contract, over a real socket.

use crate::support::Site;
use capykeys_conformance::fixtures::{at, context, key as other_key};
use capykeys_domain::{
    model::{KeyName, KeySpec, OrganizationName, ProjectId, ScopeCatalogue, ScopeSet, Slug},
    policy::Permit,
    usecases::{CreatedKey, NewOrganization},
};

const BODY: &str = r#"{"name":"CI","scopes":["jobs:read","projects:read"]}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_created_used_listed_and_revoked() {
    let site = Site::new().await;
    let admin = site.key(&["*"]).await;
    let body = r#"{"name":"  CI é","scopes":["jobs:read","api_keys:read"],"device_name":"laptop","expires_at":"2026-06-01T02:00:00+02:00"}"#;
    let created = site.send_as(&admin, "POST", &site.keys_path(), body);
    assert_eq!(created.status, 201);
    assert_eq!(created.header("cache-control"), Some("no-store"));
    let answer = created.json();
    let (id, plaintext) =
        (answer["api_key"]["id"].as_str().unwrap(), answer["plaintext_api_key"].as_str().unwrap());
    let key = format!(
        r#"{{"id":"{id}","organization_id":"{}","name":"  CI é","key_prefix":"{}","scopes":["jobs:read","api_keys:read"],"source":"api","is_active":true,"created_at":"2026-01-01T00:00:00.000001Z","created_by_key_id":"{}","device_name":"laptop","expires_at":"2026-06-01T00:00:00Z"}}"#,
        site.organization.id,
        &plaintext[..14],
        answer["api_key"]["created_by_key_id"].as_str().unwrap(),
    );
    assert_eq!(created.body, format!(r#"{{"api_key":{key},"plaintext_api_key":"{plaintext}"}}"#));

    let listed = site.send("GET", &site.keys_path(), &[("x-api-key", plaintext)], "");
    assert!(listed.body.starts_with(&format!(r#"{{"api_keys":[{key},"#)), "{}", listed.body);
    assert!(!listed.body.contains(plaintext));
    assert_eq!(listed.header("link"), None);

    let path = format!("{}/{id}", site.keys_path());
    for _ in 0..2 {
        let revoked = site.send_as(&admin, "DELETE", &path, "");
        assert_eq!((revoked.status, revoked.body.as_str()), (200, r#"{"revoked":true}"#));
        site.service.clock.advance(1);
    }
    site.send("GET", "/v1/me", &[("x-api-key", plaintext)], "").error(401);
    let first = site.send_as(&admin, "GET", &site.keys_path(), "").json()["api_keys"][0].clone();
    assert_eq!((&first["id"], &first["is_active"]), (&id.into(), &false.into()));
    assert_eq!(first["revoked_at"], "2026-01-01T00:00:00.000001Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_viewer_is_the_key_and_its_organization() {
    let site = Site::new().await;
    let key = site.key(&["jobs:read"]).await;
    let id = site.organization.id;
    let expected = format!(
        r#"{{"organization":{{"id":"{id}","name":"Acme","slug":"acme","created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}},"principal":{{"auth_source":"api_key","is_admin":false,"scopes":["jobs:read"],"organization_id":"{id}"}}}}"#
    );
    assert_eq!(site.send_as(&key, "GET", "/v1/me", "").body, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_have_no_good_credential_is_the_same_401() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let good = key.plaintext.expose();
    let basic = format!("Basic {good}");
    let wrong_checksum = format!("Bearer {}!", &good[..47]);
    let unknown = "Bearer capy_live_000000000000000000000000000000003UFVO5";
    let mut bodies = Vec::new();
    for (header, challenge) in [
        (("x-other", ""), "Bearer"),
        (("authorization", "Bearer"), "Bearer"),
        (("authorization", ""), "Bearer"),
        (("cookie", good), "Bearer"),
        (("authorization", basic.as_str()), r#"Bearer error="invalid_token""#),
        (("authorization", good), r#"Bearer error="invalid_token""#),
        (("authorization", "Bearer é"), r#"Bearer error="invalid_token""#),
        (("authorization", "Bearer a.b.c"), r#"Bearer error="invalid_token""#),
        (("authorization", unknown), r#"Bearer error="invalid_token""#),
        (("authorization", wrong_checksum.as_str()), r#"Bearer error="invalid_token""#),
        (("x-api-key", "a.b.c"), r#"Bearer error="invalid_token""#),
    ] {
        for path in ["/v1/me".to_owned(), format!("{}?api_key={good}", site.keys_path())] {
            let answer = site.send("GET", &path, &[header], "");
            assert_eq!(answer.header("www-authenticate"), Some(challenge), "{header:?}");
            bodies.push(answer.error(401));
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_must_agree() {
    let site = Site::new().await;
    let (one, other) = (site.key(&["*"]).await, site.key(&["*"]).await);
    let (one, other) = (one.plaintext.expose(), other.plaintext.expose());
    let bearer = format!("bearer  {one}");
    let send = |headers: &[(&str, &str)]| site.send("GET", "/v1/me", headers, "");
    assert_eq!(send(&[("authorization", &bearer), ("x-api-key", one)]).status, 200);
    send(&[("authorization", &bearer), ("x-api-key", other)]).error(400);
    send(&[("x-api-key", one), ("x-api-key", one)]).error(400);
    send(&[("authorization", &bearer), ("authorization", &bearer)]).error(400);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_checks_come_in_the_order_of_the_contract() {
    let site = Site::new().await;
    let (reader, writer) = (site.key(&["api_keys:read"]).await, site.key(&["api_keys:write"]).await);
    let (own, other) = (site.keys_path(), "/v1/organizations/org_0123456789abcdefghjkmnpqrs/api-keys");
    // 401 before everything, also before the body.
    site.send("POST", other, &[], "not json").error(401);
    for path in [other, "/v1/organizations/none/api-keys", "/v1/organizations/%00/api-keys"] {
        assert_eq!(
            site.send_as(&reader, "POST", path, "not json").error(403),
            "The credential is not for this organization."
        );
        site.send_as(&reader, "GET", &format!("{path}?limit=x"), "").error(403);
    }
    assert_eq!(
        site.send_as(&reader, "POST", &own, "not json").error(403),
        "The API key lacks the scope api_keys:write."
    );
    site.send_as(&writer, "GET", &format!("{own}?limit=x"), "").error(403);
    site.send_as(&reader, "GET", &format!("{own}?limit=x"), "").error(400);
    site.send_as(&writer, "POST", &own, "not json").error(400);
    // The ceiling is looked at after the body.
    site.send_as(&writer, "POST", &own, BODY).error(403);
    // A key that is not there, could not be there, or is somebody else's.
    let foreign = other_key(site.organization.id, at(5)).key.id.to_string();
    for id in [foreign.as_str(), "none", "%20", "key_"] {
        assert_eq!(
            site.send_as(&writer, "DELETE", &format!("{own}/{id}"), "").error(404),
            "There is no such API key."
        );
        site.send_as(&reader, "DELETE", &format!("{own}/{id}"), "").error(403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_can_revoke_itself_whatever_its_scopes() {
    let site = Site::new().await;
    for scopes in [&["jobs:read"][..], &["api_keys:read"], &["api_keys:write"], &["*"]] {
        let (key, other) = (site.key(scopes).await, site.key(&["jobs:read"]).await);
        let path = |key: &CreatedKey| format!("{}/{}", site.keys_path(), key.key.id);
        let may_revoke = scopes[0] == "api_keys:write" || scopes[0] == "*";
        let status = site.send_as(&key, "DELETE", &path(&other), "").status;
        assert_eq!(status, if may_revoke { 200 } else { 403 }, "{scopes:?}");
        assert_eq!(site.send_as(&key, "DELETE", &path(&key), "").status, 200, "{scopes:?}");
        site.send_as(&key, "DELETE", &path(&key), "").error(401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_key_can_revoke_itself_alone() {
    let site = Site::new().await;
    let spec = || KeySpec::new(KeyName::parse("p").unwrap(), ScopeSet::from_stored(["jobs:read"]).unwrap());
    let key = site
        .key_for(spec().for_project(ProjectId::parse("p1").unwrap(), &ScopeCatalogue::default()).unwrap())
        .await;
    let sibling = site.key_for(spec()).await;
    site.send_as(&key, "GET", &site.keys_path(), "").error(403);
    let path = |key: &CreatedKey| format!("{}/{}", site.keys_path(), key.key.id);
    site.send_as(&key, "DELETE", &path(&sibling), "").error(403);
    assert_eq!(site.send_as(&key, "DELETE", &path(&key), "").status, 200);
    site.send_as(&key, "DELETE", &path(&key), "").error(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organization_and_a_suspended_one_are_403_each_with_its_sentence() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let new = NewOrganization {
        name: OrganizationName::parse("Other").unwrap(),
        slug: Slug::parse("other").unwrap(),
        clerk: None,
    };
    let other = site.service.operators.create_organization(new, &context()).await.unwrap();
    let path = format!("/v1/organizations/{}/api-keys", other.id);
    assert_eq!(
        site.send_as(&key, "GET", &path, "").error(403),
        "The credential is not for this organization."
    );
    let permit = Permit::operator_manages(site.organization.id);
    site.service.operators.suspend_organization(&permit, None, &context()).await.unwrap();
    for (method, path) in [("GET", site.keys_path()), ("POST", site.keys_path())] {
        assert_eq!(site.send_as(&key, method, &path, "").error(403), "The organization is suspended.");
    }
    assert!(site.send_as(&key, "GET", "/v1/me", "").json()["organization"]["suspended_at"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_paths_are_404_and_other_methods_405_with_allow() {
    let site = Site::new().await;
    for path in
        ["/", "/v1", "/v1/me/", "/v2/me", "//v1/me", "/v1/organizations//api-keys", "/readyz/x", "/V1/ME"]
    {
        assert_eq!(site.send("GET", path, &[], "").error(404), "There is nothing at this path.", "{path}");
    }
    let (keys, key) = (site.keys_path(), format!("{}/key_x", site.keys_path()));
    let organization = format!("/v1/organizations/{}", site.organization.id);
    for (path, allowed) in [
        ("/v1/me", "GET, HEAD"),
        (organization.as_str(), "GET, HEAD"),
        (keys.as_str(), "GET, HEAD, POST"),
        (key.as_str(), "DELETE, GET, HEAD, PATCH"),
        ("/v1/openapi.json", "GET, HEAD"),
        ("/status", "GET, HEAD"),
        ("/livez", "GET, HEAD"),
        ("/readyz", "GET, HEAD"),
    ] {
        let methods = ["PUT", "PATCH", "OPTIONS", "TRACE", "QUERY", "capy_live_x"];
        for method in methods.into_iter().filter(|method| !allowed.contains(method)) {
            let answer = site.send(method, path, &[], "");
            answer.error(405);
            assert_eq!(answer.header("allow"), Some(allowed));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_must_be_json_by_its_type_and_by_its_bytes() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let send = |content_type: Option<&str>, body: &str| {
        let mut headers = vec![("x-api-key", key.plaintext.expose())];
        headers.extend(content_type.map(|it| ("content-type", it)));
        site.send("POST", &site.keys_path(), &headers, body)
    };
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        assert_eq!(send(content_type, BODY).error(415), "The body must be sent as application/json.");
    }
    for body in [BODY, &format!("\u{feff}{BODY}")] {
        assert_eq!(send(Some("application/json; charset=utf-8"), body).status, 201);
    }
    for (body, sentence) in [
        ("", "A JSON body is required."),
        ("[]", "The body must be a JSON object."),
        ("{\0}", "The body is not valid JSON."),
        (&r#"{"a":"#.repeat(10_000), "The body is not valid JSON."),
        (r#"{"name":"a","scopes":["*"],"name":"b"}"#, "The body must not name a member twice."),
        (r#"{"name":null,"scopes":["*"]}"#, "`name` must be a string."),
        (r#"{"name":"a","scopes":["*","capy_live_x"]}"#, "`scopes[1]` is not a known scope."),
    ] {
        assert_eq!(send(Some("application/json"), body).error(400), sentence);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_their_links_to_the_end_and_make_the_whole() {
    let site = Site::new().await;
    let key = site.key(&["api_keys:read"]).await;
    for _ in 0..6 {
        site.key(&["jobs:read"]).await;
    }
    let whole = site.send_as(&key, "GET", &site.keys_path(), "").json()["api_keys"].clone();
    let (mut pages, mut path) = (Vec::new(), format!("{}?limit=3", site.keys_path()));
    loop {
        let answer = site.send_as(&key, "GET", &path, "");
        pages.extend(answer.json()["api_keys"].as_array().unwrap().clone());
        let Some(link) = answer.header("link") else { break };
        let query = link.strip_prefix("<?").unwrap().strip_suffix(r#">; rel="next""#).unwrap();
        path = format!("{}?{query}", site.keys_path());
        assert_eq!(pages.len() % 3, 0);
    }
    assert_eq!(serde_json::Value::from(pages), whole);
    let last = whole[6]["id"].as_str().unwrap();
    let none = site.send_as(&key, "GET", &format!("{}?limit=1&cursor={last}", site.keys_path()), "");
    assert_eq!((none.body.as_str(), none.header("link")), (r#"{"api_keys":[]}"#, None));
    let rest = site.send_as(
        &key,
        "GET",
        &format!("{}?cursor={}", site.keys_path(), whole[4]["id"].as_str().unwrap()),
        "",
    );
    assert_eq!(rest.json()["api_keys"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_takes_one_request_with_a_body_after_another() {
    let site = Site::new().await;
    let key = site.key(&["*"]).await;
    let request = format!(
        "POST {} HTTP/1.1\r\nhost: test\r\nx-api-key: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{BODY}",
        site.keys_path(),
        key.plaintext.expose(),
        BODY.len(),
    );
    let mut connection = site.connect();
    for _ in 0..3 {
        connection.send(request.as_bytes());
        assert_eq!(connection.read_answer().status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_callers_request_id_is_kept_where_it_is_acceptable() {
    let site = Site::new().await;
    let long = "a".repeat(129);
    for (given, kept) in
        [("abc-1!~", true), ("", false), ("a b", false), ("é", false), (long.as_str(), false)]
    {
        let answer = site.send("GET", "/livez", &[("x-request-id", given)], "");
        let id = answer.header("x-request-id").unwrap();
        assert_eq!(id == given, kept, "{given}");
        assert!(kept || id.len() == 32);
    }
}
