//! Whom the libraries let through, and how the others are answered.

use std::time::Duration;

use capykeys_tests::{clock, secrets, wait};
use serde_json::json;

use crate::replicas::{guarded, replicas};

const LIMIT: Duration = Duration::from_mins(1);

pub(crate) fn a_good_key_is_let_through_and_the_handler_knows_whose_it_is(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    let key = acme.key_with(&["jobs:read", "projects:read"]);
    let answer = guarded.verdict(&key.plaintext);
    assert_eq!(answer.status, 200, "{answer:?}");
    let whose = json!({"id": key.id(), "organization_id": acme.id, "scopes": ["jobs:read", "projects:read"]});
    assert_eq!(answer.body, whose);
}

pub(crate) fn keys_that_are_not_good_are_refused_alike(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    let revoked = acme.key_with(&["jobs:read"]);
    acme.revoke(revoked.id());
    let disabled = acme.key_with(&["jobs:read"]);
    acme.disabling(&acme.admin, disabled.id()).send().expect(200);
    let soon = clock::ahead(Duration::from_secs(2));
    let brief = acme.create(&json!({"name": "brief", "scopes": ["jobs:read"], "expires_at": soon}));
    for key in [secrets::unknown_key(), "capy_live_x", "x", "a.b.c", &revoked.plaintext, &disabled.plaintext]
    {
        guarded.verdict(key).expect_unauthorized();
    }
    let expired = || Some(guarded.verdict(&brief.plaintext)).filter(|answer| answer.status != 200);
    wait::until("the key has expired", LIMIT, expired).expect_unauthorized();
}

pub(crate) fn a_key_without_the_scope_is_forbidden_and_one_with_all_of_them_is_not(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    let answer = guarded.verdict(&acme.key_with(&["projects:read"]).plaintext);
    assert_eq!((answer.status, &answer.challenge), (403, &None), "{answer:?}");
    assert_eq!(answer.body, json!({"error": "The API key lacks the scope jobs:read."}));
    assert_eq!(guarded.verdict(&acme.admin).status, 200);
}

pub(crate) fn a_key_of_a_project_is_good_there_alone(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    let key = acme.create(&json!({"name": "key", "scopes": ["jobs:read"], "project_id": "prj_1"}));
    // Where no project is named, the handler sees which it is for.
    assert_eq!(guarded.verdict(&key.plaintext).body["project_id"], "prj_1");
    if guarded.speaks_grpc() {
        return;
    }
    let ask = |project: &str, key: &str| {
        let headers = [("authorization", &*format!("Bearer {key}"))];
        guarded.verdict_with(&format!("/projects/{project}/jobs"), &headers)
    };
    assert_eq!(ask("prj_1", &key.plaintext).status, 200);
    let answer = ask("prj_2", &key.plaintext);
    assert_eq!(answer.status, 403);
    assert_eq!(answer.body, json!({"error": "The API key is for another project."}));
    assert_eq!(ask("prj_2", &acme.key_with(&["jobs:read"]).plaintext).status, 200);
    // The scope is asked for as well.
    let other = acme.create(&json!({"name": "key", "scopes": ["projects:read"], "project_id": "prj_1"}));
    assert_eq!(ask("prj_1", &other.plaintext).status, 403);
}

/// The service itself says what is right.
pub(crate) fn headers_are_read_as_the_service_reads_them(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    let [key, other] = [(); 2].map(|()| acme.key_with(&["jobs:read"]).plaintext);
    let with = |scheme: &str| format!("{scheme}{key}");
    let [bearer, lower, wide, basic, glued, alone] =
        ["Bearer ", "bearer ", "BEARER   ", "Basic ", "Bearer", ""].map(with);
    let ours = "x-api-key";
    let theirs = "authorization";
    let cases: &[&[(&'static str, &str)]] = &[
        &[],
        &[(theirs, &bearer)],
        &[(theirs, &lower)],
        &[(theirs, &wide)],
        &[(ours, &key)],
        &[(theirs, &bearer), (ours, &key)],
        &[(theirs, "Bearer"), (ours, &key)],
        &[(theirs, ""), (ours, &key)],
        &[(theirs, "Bearer "), (ours, "")],
        &[(theirs, &basic)],
        &[(theirs, &glued)],
        &[(theirs, &alone)],
        &[(theirs, "Basic")],
        &[(ours, &bearer)],
        &[(theirs, "Bearer \u{43a}\u{43b}\u{44e}\u{447}")],
        &[(ours, "\u{43a}")],
        &[(theirs, &bearer), (ours, &other)],
        &[(theirs, &basic), (ours, &key)],
        &[(theirs, &bearer), (theirs, &bearer)],
        &[(ours, &key), (ours, &key)],
    ];
    for headers in cases {
        let is_ascii = headers.iter().all(|(_, value)| value.is_ascii());
        if guarded.speaks_grpc() && !is_ascii {
            continue;
        }
        let ask = || {
            let call = replicas().b.get("/v1/me");
            headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
        };
        let right =
            wait::until("the service knows", LIMIT, || Some(ask()).filter(|right| right.status != 503));
        let answer = guarded.verdict_with("/jobs", headers);
        let repeated = headers.len() == 2 && headers[0].0 == headers[1].0;
        // These frameworks make one value of several, with a comma, which is in no key.
        if repeated && ["hono", "django"].contains(&name) {
            answer.expect_unauthorized();
            continue;
        }
        assert_eq!(answer.status, right.status, "{headers:?}: {answer:?}");
        let challenge = right.headers.get("www-authenticate").map(|value| value.to_str().expect("ASCII"));
        assert_eq!(answer.challenge.as_deref(), challenge, "{headers:?}");
        if right.status == 400 {
            assert_eq!(answer.body, right.json(), "{headers:?}");
        }
    }
}

pub(crate) fn a_suspended_organization_is_forbidden(name: &'static str) {
    let (guarded, acme) = (guarded(name), replicas().tenant());
    assert_eq!(guarded.verdict(&acme.admin).status, 200);
    drop(replicas().a.installation().json(&["organizations", "suspend", &acme.id]));
    let answer = guarded.verdict(&acme.admin);
    assert_eq!((answer.status, &answer.challenge), (403, &None), "{answer:?}");
    assert_eq!(answer.body, json!({"error": "The organization is suspended."}));
}
