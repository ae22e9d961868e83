//! `POST /v1/organizations/{orgID}/api-keys` with an `Idempotency-Key`.

use std::{
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use capykeys_tests::{
    Answer, Call, Created, Installation, Server, Store, Tenant,
    clerk::{self, Session},
    on_every_store, wait,
};
use serde_json::{Value, json};

on_every_store![
    a_request_that_is_sent_again_is_answered_the_same_to_the_byte,
    the_same_is_asked_however_it_is_written,
    another_body_is_refused_and_makes_nothing,
    what_was_refused_is_not_remembered,
    another_caller_and_another_organization_have_names_of_their_own,
    a_changed_or_disabled_key_is_shown_as_it_was_created,
    of_a_revoked_key_nothing_is_told_again,
    of_a_rotated_key_the_secret_before_is_not_told_again,
    a_caller_that_is_no_more_is_told_nothing_again,
    a_session_sends_again_with_another_token,
    a_name_that_cannot_be_read_is_refused,
    other_operations_pass_it_over,
    fifty_at_once_make_one;
    replicas: fifty_at_once_on_two_servers_make_one;
    tables: nothing_of_a_name_or_a_secret_is_stored,
];

fn body() -> Value {
    json!({"name": "CI", "scopes": ["jobs:read"]})
}

fn creation<'a>(acme: &Tenant<'a>, name: &str) -> Call<'a> {
    acme.creation(&acme.admin, &body()).header("idempotency-key", name)
}

/// How many keys there are that were created by requests.
fn count(acme: &Tenant<'_>) -> usize {
    acme.list().len() - 1
}

fn a_request_that_is_sent_again_is_answered_the_same_to_the_byte(store: Store) {
    let acme = store.tenant();
    let first = creation(&acme, "\"8e03978e-40d5-43e8-bc93-6894a57f9324\"").send();
    let created = Created::from_body(&first.expect(201));
    assert!(acme.accepts(&created.plaintext));
    for name in ["\"8e03978e-40d5-43e8-bc93-6894a57f9324\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"] {
        let again = creation(&acme, name).send();
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("cache-control"), Some("no-store"));
    }
    assert_eq!(count(&acme), 1);
    let other = Created::from_body(&creation(&acme, "another").send().expect(201));
    assert_ne!(other.plaintext, created.plaintext);
    let without: Vec<String> = (0..2).map(|_| acme.create(&body()).plaintext).collect();
    assert_ne!(without[0], without[1]);
    assert_eq!(count(&acme), 4);
}

fn the_same_is_asked_however_it_is_written(store: Store) {
    let acme = store.tenant();
    let send = |text: &str| {
        let call = acme.server.post(&acme.keys_path()).bearer(&acme.admin).json_text(text);
        call.header("idempotency-key", "spelt").send()
    };
    let first = send(r#"{"name":"é","scopes":["jobs:read"],"expires_at":"2030-01-01T00:00:00Z"}"#);
    first.expect(201);
    for text in [
        "{ \"scopes\" : [\"jobs:read\"],\n \"expires_at\": \"2030-01-01T01:00:00.0000009+01:00\", \"name\": \"\\u00e9\" }",
        r#"{"name":"é","scopes":["jobs:read"],"expires_at":"2030-01-01T00:00:00Z","of_a_newer_client":[1]}"#,
    ] {
        let again = send(text);
        assert_eq!((again.status, again.body), (201, first.body.clone()), "{text}");
    }
    assert_eq!(count(&acme), 1);
}

fn another_body_is_refused_and_makes_nothing(store: Store) {
    let acme = store.tenant();
    creation(&acme, "a").send().expect(201);
    for other in [
        json!({"name": "CI ", "scopes": ["jobs:read"]}),
        json!({"name": "CI", "scopes": ["jobs:read", "backups:read"]}),
        json!({"name": "CI", "scopes": ["jobs:read"], "device_name": "laptop"}),
        json!({"name": "CI", "scopes": ["jobs:read"], "project_id": "p1"}),
        json!({"name": "CI", "scopes": ["jobs:read"], "expires_at": "2030-01-01T00:00:00Z"}),
    ] {
        let refused = acme.creation(&acme.admin, &other).header("idempotency-key", "a").send();
        assert_eq!(refused.error(422), "The idempotency key was used with another body.");
    }
    // Rules come first, as for a request that is sent once.
    let unknown = json!({"name": "CI", "scopes": ["unknown"]});
    acme.creation(&acme.admin, &unknown).header("idempotency-key", "a").send().error(400);
    assert_eq!(count(&acme), 1);
}

fn what_was_refused_is_not_remembered(store: Store) {
    let acme = store.tenant();
    let creator = acme.key_with(&["api_keys:write", "jobs:read"]);
    let send = |body: &Value| acme.creation(&creator.plaintext, body).header("idempotency-key", "a").send();
    send(&json!({"name": "CI", "scopes": ["backups:read"]})).error(403);
    send(&json!({"name": "CI", "scopes": []})).error(400);
    send(&body()).expect(201);
    assert_eq!(count(&acme), 2);
}

fn another_caller_and_another_organization_have_names_of_their_own(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    let colleague = acme.key_with(&["*"]);
    let mut secrets = vec![
        creation(&acme, "a").send(),
        creation(&other, "a").send(),
        acme.creation(&colleague.plaintext, &body()).header("idempotency-key", "a").send(),
    ]
    .into_iter()
    .map(|answer| Created::from_body(&answer.expect(201)).plaintext)
    .collect::<Vec<_>>();
    secrets.sort();
    secrets.dedup();
    assert_eq!(secrets.len(), 3);
    let foreign = other.server.post(&acme.keys_path()).bearer(&other.admin).json(&body());
    foreign.header("idempotency-key", "a").send().error(403);
}

fn a_changed_or_disabled_key_is_shown_as_it_was_created(store: Store) {
    let acme = store.tenant();
    let first = creation(&acme, "a").send();
    let created = Created::from_body(&first.expect(201));
    acme.accepts(&created.plaintext);
    acme.update(&acme.admin, created.id(), &json!({"name": "renamed"})).send().expect(200);
    assert_eq!(creation(&acme, "a").send().body, first.body);
    acme.disabling(&acme.admin, created.id()).send().expect(200);
    assert_eq!(creation(&acme, "a").send().body, first.body);
    assert!(!acme.accepts(&created.plaintext), "it stays disabled");
    assert_eq!(acme.stored()[0]["name"], "renamed");
}

fn of_a_revoked_key_nothing_is_told_again(store: Store) {
    let acme = store.tenant();
    let created = Created::from_body(&creation(&acme, "a").send().expect(201));
    acme.revoke(created.id());
    let refused = creation(&acme, "a").send();
    assert_eq!(refused.error(409), "The API key that was made with this idempotency key is revoked.");
    assert_eq!(refused.header("retry-after"), None, "it stays so");
    assert_eq!(count(&acme), 1);
}

fn of_a_rotated_key_the_secret_before_is_not_told_again(store: Store) {
    let acme = store.tenant();
    let created = Created::from_body(&creation(&acme, "a").send().expect(201));
    let rotated = Created::from_body(&acme.rotation(&acme.admin, created.id()).send().expect(200));
    assert!(acme.accepts(&created.plaintext) && acme.accepts(&rotated.plaintext));
    let refused = creation(&acme, "a").send();
    assert_eq!(
        refused.error(409),
        "The API key that was made with this idempotency key has another secret by now."
    );
    assert_eq!((refused.header("retry-after"), count(&acme)), (None, 1));
}

/// As every request of a key that is revoked.
fn a_caller_that_is_no_more_is_told_nothing_again(store: Store) {
    let acme = store.tenant();
    let creator = acme.key_with(&["*"]);
    let send = || acme.creation(&creator.plaintext, &body()).header("idempotency-key", "a").send();
    send().expect(201);
    acme.server.installation().json(&["organizations", "suspend", &acme.id]);
    send().error(403);
    acme.server.installation().json(&["organizations", "resume", &acme.id]);
    send().expect(201);
    acme.disabling(&acme.admin, creator.id()).send().expect(200);
    send().error(401);
    acme.enabling(&acme.admin, creator.id()).send().expect(200);
    send().expect(201);
    acme.revoke(creator.id());
    send().error(401);
}

/// Its tokens live for a minute.
fn a_session_sends_again_with_another_token(store: Store) {
    let organization = clerk::organization_id();
    let acme = Tenant::with_clerk(store.server(), &organization);
    let session = Session::admin(&organization);
    let token = |id: &str| session.clone().claim("jti", json!(id)).sign();
    let send = |token: &str| acme.creation(token, &body()).header("idempotency-key", "a").send();
    let first = send(&token("1"));
    first.expect(201);
    assert_eq!(send(&token("2")).body, first.body);
}

fn a_name_that_cannot_be_read_is_refused(store: Store) {
    let acme = store.tenant();
    let long = "k".repeat(300);
    for name in [
        &b""[..],
        b"\"\"",
        long.as_bytes(),
        b"two words",
        b"\"",
        b"\"a",
        b"a\"",
        b"\"a\" \"b\"",
        b"a,b",
        b"a;b=1",
        b"\"a\\b\"",
        b"a\tb",
        "é".as_bytes(),
        b"\xff",
        &[b'"', 0xe9, b'"'],
    ] {
        let refused = acme.creation(&acme.admin, &body()).header("idempotency-key", name).send();
        assert!(refused.error(400).starts_with("`Idempotency-Key` must "), "{name:?}");
    }
    let twice = creation(&acme, "a").header("idempotency-key", "a").send();
    assert_eq!(twice.error(400), "`Idempotency-Key` must not be given twice.");
    let secret = acme.creation(&acme.admin, &body()).header("idempotency-key", &acme.admin).send();
    assert_eq!(secret.error(400), "`Idempotency-Key` must not contain an API key.");
    assert_eq!(count(&acme), 0);
    for name in [&long[..255], "\"two words\"", "\"a \\\"b\\\" \\\\\""] {
        creation(&acme, name).send().expect(201);
    }
}

fn other_operations_pass_it_over(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let name = |call: Call<'static>| call.header("idempotency-key", "\"").send();
    name(acme.listing(&acme.admin)).expect(200);
    name(acme.update(&acme.admin, key.id(), &json!({"name": "b"}))).expect(200);
    name(acme.disabling(&acme.admin, key.id())).expect(200);
    name(acme.revocation(&acme.admin, key.id())).expect(200);
}

/// Each does what a client has to: it sends again for as long as it is told that the first is running.
fn at_once(tenants: &[Tenant<'_>], number: usize) -> Vec<Answer> {
    let begin = Barrier::new(number);
    thread::scope(|scope| {
        let clients: Vec<_> = (0..number)
            .map(|client| {
                let (begin, acme) = (&begin, &tenants[client % tenants.len()]);
                scope.spawn(move || {
                    begin.wait();
                    wait::until("the first request is done", Duration::from_secs(30), || {
                        let answer = creation(acme, "at-once").send();
                        let runs = answer.status == 409;
                        if runs {
                            let sentence = "A request with this idempotency key is still running.";
                            assert_eq!(answer.error(409), sentence);
                        }
                        // Where fifty wait for one store, some are given up.
                        let waits = runs || answer.status == 503;
                        assert_eq!(answer.header("retry-after").is_some(), waits);
                        (!waits).then_some(answer)
                    })
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

fn make_one(tenants: &[Tenant<'_>]) {
    let answers = at_once(tenants, 50);
    let created = Created::from_body(&answers[0].expect(201));
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.body == answers[0].body));
    assert_eq!(count(&tenants[0]), 1);
    for acme in tenants {
        assert!(acme.accepts(&created.plaintext));
    }
}

fn fifty_at_once_make_one(store: Store) {
    make_one(&[store.tenant()]);
}

fn fifty_at_once_on_two_servers_make_one(store: Store) {
    let acme = store.tenant();
    let other = Server::start(&Arc::new(acme.server.installation().beside()));
    make_one(&[acme.clone(), Tenant { server: &other, ..acme }]);
}

fn nothing_of_a_name_or_a_secret_is_stored(store: Store) {
    let installation = Arc::new(Installation::new(store));
    let server = Server::start(&installation);
    let acme = Tenant::new(&server);
    let name = "order-4711-of-mallory";
    let created = Created::from_body(&creation(&acme, name).send().expect(201));
    creation(&acme, name).send().expect(201);
    let rows = installation.rows("idempotency_keys");
    assert_eq!(rows.len(), 1);
    for table in ["idempotency_keys", "api_keys", "audit_events"] {
        for row in installation.rows(table) {
            for text in
                [name, &created.plaintext, &created.plaintext[14..], &hex(name), &hex(&created.plaintext)]
            {
                assert!(!row.to_lowercase().contains(&text.to_lowercase()), "{table} has it");
            }
        }
    }
    assert!(!server.log.text().contains(name), "it is logged");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
