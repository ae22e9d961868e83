//! `POST /v1/organizations/{orgID}/api-keys`.

use std::time::Duration;

use capykeys_tests::{
    Created, Store, Tenant,
    clerk::{self, Session},
    clock, on_every_store, scopes,
};
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

on_every_store![
    the_answer_holds_what_is_always_there_and_nothing_empty,
    names_come_back_byte_for_byte,
    scopes_come_back_in_their_order,
    every_scope_can_be_granted,
    times_come_back_in_utc_to_the_microsecond,
    an_expiry_ten_years_ahead_is_accepted,
    every_optional_field_comes_back,
    null_is_no_value_for_an_optional_field,
    unknown_fields_are_ignored,
    the_server_alone_sets_the_source,
    a_content_type_may_have_a_charset,
    keys_have_different_ids_and_secrets,
    a_key_within_a_project_can_be_created_and_used,
];

/// What a key always has, and nothing else.
const ALWAYS: [&str; 8] =
    ["created_at", "id", "is_active", "key_prefix", "name", "organization_id", "scopes", "source"];

fn fields(value: &Value) -> Vec<&str> {
    let mut fields: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

/// What a key has that was made with another one and that nothing else was said of.
fn of_a_key() -> Vec<&'static str> {
    let mut fields = [&ALWAYS[..], &["created_by_key_id"]].concat();
    fields.sort_unstable();
    fields
}

/// The key as the list shows it.
fn listed(acme: &Tenant<'_>, created: &Created) -> Value {
    acme.list().into_iter().find(|key| key["id"] == created.id()).expect("the key is listed")
}

fn the_answer_holds_what_is_always_there_and_nothing_empty(store: Store) {
    let acme = store.tenant();
    let before = clock::now();
    let created = acme.key_with(&["jobs:read"]);
    assert_eq!(fields(&created.key), of_a_key());
    assert_eq!(created.key["organization_id"], acme.id.as_str());
    assert_eq!(created.key["source"], "api");
    assert_eq!(created.key["is_active"], true);
    assert_eq!(created.id().len(), "key_".len() + 26);
    let created_at = clock::parse(created.key["created_at"].as_str().unwrap());
    let slack = Duration::from_secs(1);
    assert!((before - slack..=clock::now() + slack).contains(&created_at), "{created_at}");
    assert_eq!(listed(&acme, &created), created.key);
}

fn names_come_back_byte_for_byte(store: Store) {
    let acme = store.tenant();
    let names = [
        "CI",
        " padded ",
        "שלום עולם",
        "\u{202e}reversed\u{202c}",
        "👩‍👩‍👧‍👦 🏳️‍🌈",
        "e\u{301} ≠ é",
        r#""quoted" 'single' \back\slash\"#,
        "</script>&amp;%00%",
        "a\u{a0}\u{3000}b\u{200b}\u{feff}",
        "a\u{2028}\u{2029}b",
        "𝒳\u{10ffff}",
        "'; DROP TABLE api_keys; --",
        &"🔑".repeat(200),
        &"a".repeat(200),
    ];
    for name in names {
        let created = acme.create(&json!({"name": name, "scopes": ["jobs:read"], "device_name": name}));
        assert_eq!(created.key["name"], name);
        assert_eq!(created.key["device_name"], name);
        assert_eq!(listed(&acme, &created), created.key);
    }
}

fn scopes_come_back_in_their_order(store: Store) {
    let acme = store.tenant();
    let forwards = ["projects:read", "jobs:read", "backups:read", "api_keys:write", "organizations:read"];
    let mut backwards = forwards;
    backwards.reverse();
    for scopes in [forwards, backwards] {
        let created = acme.key_with(&scopes);
        assert_eq!(created.key["scopes"], json!(scopes));
        assert_eq!(listed(&acme, &created)["scopes"], json!(scopes));
    }
}

fn every_scope_can_be_granted(store: Store) {
    let acme = store.tenant();
    for scope in scopes::ALL {
        assert_eq!(acme.key_with(&[scope]).key["scopes"], json!([scope]));
    }
    assert_eq!(acme.key_with(&scopes::ALL).key["scopes"], json!(scopes::ALL));
}

fn times_come_back_in_utc_to_the_microsecond(store: Store) {
    let acme = store.tenant();
    let year = clock::now().year() + 2;
    for (given, expected) in [
        (format!("{year}-03-01T12:00:00Z"), format!("{year}-03-01T12:00:00Z")),
        (format!("{year}-04-01T01:30:00.5+02:00"), format!("{year}-03-31T23:30:00.5Z")),
        (format!("{year}-06-15T23:30:00-12:00"), format!("{year}-06-16T11:30:00Z")),
        (format!("{year}-06-15T00:00:00.123456789Z"), format!("{year}-06-15T00:00:00.123456Z")),
        (format!("{year}-06-15T00:00:00.000000999+14:00"), format!("{year}-06-14T10:00:00Z")),
        (format!("{year}-06-15t00:00:00.999999z"), format!("{year}-06-15T00:00:00.999999Z")),
    ] {
        let given = json!({"name": "timed", "scopes": ["jobs:read"], "expires_at": given});
        let created = acme.create(&given);
        let shown = created.key["expires_at"].as_str().unwrap();
        let expected = OffsetDateTime::parse(&expected, &Rfc3339).unwrap();
        assert_eq!(clock::parse(shown), expected, "{given}");
        assert_eq!(listed(&acme, &created), created.key);
    }
}

fn an_expiry_ten_years_ahead_is_accepted(store: Store) {
    let acme = store.tenant();
    let now = clock::now();
    let Ok(expiry) = now.replace_year(now.year() + 10) else { return };
    acme.create(&json!({"name": "old", "scopes": ["jobs:read"], "expires_at": clock::text(expiry)}));
}

fn every_optional_field_comes_back(store: Store) {
    let acme = store.tenant();
    let longest = "A-z_0".repeat(13)[..64].to_owned();
    let expires_at = clock::ahead(Duration::from_hours(1));
    let created = acme.create(&json!({
        "name": "full", "scopes": ["jobs:read"], "project_id": longest, "device_name": "Capybara’s laptop",
        "expires_at": expires_at,
    }));
    assert_eq!(created.key["project_id"], longest);
    assert_eq!(created.key["device_name"], "Capybara’s laptop");
    assert_eq!(listed(&acme, &created), created.key);
}

fn null_is_no_value_for_an_optional_field(store: Store) {
    let acme = store.tenant();
    for field in ["project_id", "expires_at", "device_name"] {
        let mut body = json!({"name": "null", "scopes": ["jobs:read"]});
        body[field] = Value::Null;
        let sentence = acme.creation(&acme.admin, &body).send().error(400);
        assert!(sentence.contains(field), "{sentence}");
    }
}

fn unknown_fields_are_ignored(store: Store) {
    let acme = store.tenant();
    let created = acme.create(&json!({
        "name": "new", "scopes": ["jobs:read"], "rate_limit": {"per": "second"}, "": null, "Name": 7,
    }));
    assert_eq!(fields(&created.key), of_a_key());
}

fn the_server_alone_sets_the_source(store: Store) {
    let at_clerk = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &at_clerk);
    let body = json!({"name": "n", "scopes": ["*"], "source": "operator", "created_by_user_id": "user_x"});
    let by_key = acme.create(&body);
    assert_eq!(by_key.key["source"], "api");
    assert_eq!(by_key.key.get("created_by_user_id"), None);

    let session = Session::admin(&at_clerk);
    let by_session = Created::from_body(&acme.creation(&session.sign(), &body).send().expect(201));
    assert_eq!(by_session.key["source"], "dashboard");
    assert_eq!(by_session.key["created_by_user_id"], session.user());

    // The user behind the creating key stands behind the created one as well.
    let below = Created::from_body(&acme.creation(&by_session.plaintext, &body).send().expect(201));
    assert_eq!(below.key["source"], "api");
    assert_eq!(below.key["created_by_user_id"], session.user());

    let by_operator = acme.list().into_iter().find(|key| key["id"] == acme.admin_id.as_str()).unwrap();
    assert_eq!(by_operator["source"], "operator");
}

fn a_content_type_may_have_a_charset(store: Store) {
    let acme = store.tenant();
    let body = json!({"name": "n", "scopes": ["jobs:read"]}).to_string();
    for content_type in ["application/json; charset=utf-8", "Application/JSON"] {
        let call = acme.server.post(&acme.keys_path()).bearer(&acme.admin);
        call.body(content_type, body.as_str()).send().expect(201);
    }
}

fn keys_have_different_ids_and_secrets(store: Store) {
    let acme = store.tenant();
    let (a, b) = (acme.key_with(&["jobs:read"]), acme.key_with(&["jobs:read"]));
    assert_ne!(a.id(), b.id());
    assert_ne!(a.plaintext, b.plaintext);
}

fn a_key_within_a_project_can_be_created_and_used(store: Store) {
    let acme = store.tenant();
    let scopes = ["projects:read", "projects:write", "credentials:read", "backups:write", "schema:read"];
    let created = acme.create(&json!({"name": "p", "scopes": scopes, "project_id": "prod-1"}));
    assert_eq!(created.key["project_id"], "prod-1");
    assert!(acme.accepts(&created.plaintext));
}
