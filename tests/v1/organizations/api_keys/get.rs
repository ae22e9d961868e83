//! `GET /v1/organizations/{orgID}/api-keys/{keyID}`.

use capykeys_tests::{Store, Tenant, clerk, clerk::Session, on_every_store};
use reqwest::Method;
use serde_json::json;

on_every_store![
    a_key_is_shown_as_the_list_shows_it,
    what_is_no_key_of_the_organization_is_not_found_with_one_answer,
    whoever_may_list_the_keys_may_see_each,
    the_tag_stays_until_the_key_changes,
];

fn a_key_is_shown_as_the_list_shows_it(store: Store) {
    let acme = store.tenant();
    let created = acme.create(&json!({"name": " é ", "scopes": ["jobs:read"], "project_id": "p"}));
    let shown = |id: &str| acme.reading(&acme.admin, id).send().expect(200);
    assert_eq!(shown(created.id()), json!({"api_key": created.key}));
    acme.revoke(created.id());
    assert_eq!(shown(created.id()), json!({"api_key": acme.list()[0]}));
    let head = acme.server.call(Method::HEAD, &acme.key_path(created.id())).bearer(&acme.admin).send();
    assert_eq!((head.status, head.body.is_empty()), (200, true));
}

fn what_is_no_key_of_the_organization_is_not_found_with_one_answer(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    for id in ["key_01h455vb4pex5vsknk084sn02q", &other.admin_id, "key_", "x", &acme.id, "%00", "%ff"] {
        let answer = acme.reading(&acme.admin, id).send();
        assert_eq!(answer.error(404), "There is no such API key.", "{id}");
    }
}

fn whoever_may_list_the_keys_may_see_each(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let other = store.tenant();
    let of_a_project = acme.create(&json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"}));
    for credential in [
        acme.key_with(&["api_keys:read"]).plaintext,
        acme.key_with(&["api_keys:write"]).plaintext,
        acme.key_with(&["jobs:read"]).plaintext,
        of_a_project.plaintext.clone(),
        Session::member(&at_clerk).sign(),
        Session::admin(&at_clerk).impersonated().sign(),
        other.admin.clone(),
        "wrong".to_owned(),
    ] {
        let listing = acme.listing(&credential).send().status;
        for id in [of_a_project.id(), "malformed"] {
            let status = acme.reading(&credential, id).send().status;
            let expected = if listing == 200 && id == "malformed" { 404 } else { listing };
            assert_eq!(status, expected, "{id}");
        }
    }
}

fn the_tag_stays_until_the_key_changes(store: Store) {
    let acme = store.tenant();
    let created = acme.key_with(&["jobs:read"]);
    let read = || acme.reading(&acme.admin, created.id());
    let tag = read().send().header("etag").expect("a tag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"'), "no strong tag: {tag}");
    // A use is not a change.
    assert!(acme.accepts(&created.plaintext));
    for known in [tag.clone(), format!("W/{tag}"), "*".to_owned(), format!("\"other\", {tag}")] {
        let answer = read().header("if-none-match", &known).send();
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{known}");
        assert_eq!(answer.header("etag"), Some(tag.as_str()));
    }
    for unknown in ["\"other\"", "nonsense", ""] {
        read().header("if-none-match", unknown).send().expect(200);
    }
    acme.revoke(created.id());
    let changed = read().header("if-none-match", &tag).send();
    assert_eq!(changed.status, 200);
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
}
