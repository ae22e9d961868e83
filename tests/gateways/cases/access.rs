//! Who comes in, and as whom.

use capykeys_tests::secrets;

use crate::{
    message::Message,
    request::Request,
    stand::Stand,
    world::{JOBS, PROJECT, PUBLIC, WORLD},
};

/// Fails where the API is told another identity; what is empty need not be told at all.
#[track_caller]
pub(crate) fn assert_identity(arrived: &Message, expected: [(&str, &str); 7]) {
    for (name, value) in expected {
        let name = format!("X-Capy-{name}");
        assert_eq!(arrived.header(&name).unwrap_or_default(), value, "{name}: {arrived:?}");
    }
}

/// The identity of the key that may read the jobs of the project.
pub(crate) fn jobs_key() -> [(&'static str, &'static str); 7] {
    [
        ("Organization-Id", &WORLD.tenant.id),
        ("Project-Id", PROJECT),
        ("Key-Id", WORLD.jobs.id()),
        ("User-Id", ""),
        ("Scopes", "jobs:read"),
        ("Auth-Source", "api_key"),
        ("Key-Expires-At", ""),
    ]
}

/// The identity of nobody.
pub(crate) const NOBODY: [(&str, &str); 7] = [
    ("Organization-Id", ""),
    ("Project-Id", ""),
    ("Key-Id", ""),
    ("User-Id", ""),
    ("Scopes", ""),
    ("Auth-Source", ""),
    ("Key-Expires-At", ""),
];

pub(crate) fn a_key_of_the_project_passes(stand: &Stand) {
    let arrived = stand.passes(&Request::get(JOBS).bearer(&WORLD.jobs.plaintext));
    assert_identity(&arrived, jobs_key());
}

/// In the place of what the client says of it.
pub(crate) fn a_key_that_ends_soon_passes_with_its_end(stand: &Stand) {
    let request =
        Request::get(JOBS).header("X-Capy-Key-Expires-At", "forged").bearer(&WORLD.ending.plaintext);
    let arrived = stand.passes(&request);
    assert_eq!(arrived.header("x-capy-key-expires-at"), WORLD.ending.key["expires_at"].as_str());
}

pub(crate) fn a_key_of_the_organization_passes(stand: &Stand) {
    let arrived = stand.passes(&Request::get(JOBS).bearer(&WORLD.tenant.admin));
    assert_eq!(arrived.header("x-capy-key-id"), Some(WORLD.tenant.admin_id.as_str()));
}

pub(crate) fn a_key_in_x_api_key_passes(stand: &Stand) {
    let arrived = stand.passes(&Request::get(JOBS).header("X-API-Key", &WORLD.jobs.plaintext));
    assert_identity(&arrived, jobs_key());
}

pub(crate) fn a_session_passes_and_names_its_user(stand: &Stand) {
    let session = WORLD.session();
    // In no project, though the path names one: the API compares the organization with its owner.
    let identity = [
        ("Organization-Id", WORLD.tenant.id.as_str()),
        ("Project-Id", ""),
        ("Key-Id", ""),
        ("User-Id", session.user()),
        ("Scopes", "projects:read backups:read jobs:read schema:read organizations:read api_keys:read"),
        ("Auth-Source", "clerk_session"),
        ("Key-Expires-At", ""),
    ];
    assert_identity(&stand.passes(&Request::get(JOBS).bearer(&session.sign())), identity);
    stand.refuses(&Request::get(JOBS).bearer(&session.sign_with_another_key()), 401);
}

pub(crate) fn a_revoked_key_is_refused(stand: &Stand) {
    let key = WORLD.key("jobs:read", PROJECT);
    let request = Request::get(JOBS).bearer(&key.plaintext);
    let _ = stand.passes(&request);
    WORLD.tenant.revoke(key.id());
    // No gateway may remember what it was told before.
    stand.refuses(&request, 401);
    stand.refuses(&Request::get(PUBLIC).bearer(&key.plaintext), 401);
}

pub(crate) fn a_disabled_key_is_refused_until_it_is_enabled(stand: &Stand) {
    let key = WORLD.key("jobs:read", PROJECT);
    let request = Request::get(JOBS).bearer(&key.plaintext);
    for _ in 0..2 {
        let _ = stand.passes(&request);
        WORLD.tenant.disabling(&WORLD.tenant.admin, key.id()).send().expect(200);
        stand.refuses(&request, 401);
        stand.refuses(&Request::get(PUBLIC).bearer(&key.plaintext), 401);
        WORLD.tenant.enabling(&WORLD.tenant.admin, key.id()).send().expect(200);
    }
}

pub(crate) fn an_expired_key_is_refused(stand: &Stand) {
    stand.refuses(&Request::get(JOBS).bearer(&WORLD.expired.plaintext), 401);
}

pub(crate) fn an_unknown_key_is_refused(stand: &Stand) {
    stand.refuses(&Request::get(JOBS).bearer(secrets::unknown_key()), 401);
    stand.refuses(&Request::get(JOBS).bearer("x"), 401);
}

pub(crate) fn a_key_without_the_scope_is_refused(stand: &Stand) {
    stand.refuses(&Request::get(JOBS).bearer(&WORLD.backups.plaintext), 403);
    stand.refuses(&Request::get("/v1/projects/p_1/backups/7").bearer(&WORLD.jobs.plaintext), 403);
}

pub(crate) fn a_key_of_another_project_is_refused(stand: &Stand) {
    stand.refuses(&Request::get(JOBS).bearer(&WORLD.elsewhere.plaintext), 403);
}

pub(crate) fn a_request_without_a_credential_is_refused(stand: &Stand) {
    stand.refuses(&Request::get(JOBS), 401);
    stand.refuses(&Request::post(JOBS, "body"), 401);
}

pub(crate) fn an_anonymous_route_is_open_to_everybody(stand: &Stand) {
    assert_identity(&stand.passes(&Request::get(PUBLIC)), NOBODY);
    let known = stand.passes(&Request::get(PUBLIC).header("X-API-Key", &WORLD.tenant.admin));
    assert_eq!(known.header("x-capy-key-id"), Some(WORLD.tenant.admin_id.as_str()));
}

pub(crate) fn a_route_that_is_not_named_is_closed(stand: &Stand) {
    for path in ["/", "/v1/account", "/v1/projects/p_1/schema/7", "/_capykeys", "/authorize/forward-auth"] {
        let answer = stand.send(&Request::get(path).bearer(&WORLD.tenant.admin));
        assert!(matches!(answer.status(), 403 | 404), "{path}: {answer:?}");
        stand.assert_nothing_arrived();
    }
}
