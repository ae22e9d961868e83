//! `PATCH /v1/organizations/{orgID}/api-keys/{keyID}`.

use std::{sync::Barrier, thread, time::Duration};

use capykeys_tests::{
    Answer, Store, Tenant,
    clerk::{self, Session},
    clock, on_every_store,
};
use serde_json::{Value, json};

on_every_store![
    what_is_given_is_changed_and_the_rest_stays,
    narrower_scopes_and_an_end_hold_at_once,
    a_stale_tag_changes_nothing,
    of_two_editors_with_one_tag_one_is_told,
    a_key_makes_itself_stricter_and_nothing_else,
    a_change_that_breaks_a_rule_is_refused,
    a_key_that_is_over_is_not_changed,
    what_is_no_key_of_the_organization_is_not_found,
    tags_are_read_from_all_lines_and_only_whole,
    a_body_over_64_kib_changes_nothing,
    nobody_sees_or_changes_a_key_by_way_of_another_organization,
    nothing_changes_in_a_suspended_organization,
    a_change_beside_a_revocation_never_makes_the_key_good_again,
];

fn what_is_given_is_changed_and_the_rest_stays(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let update =
        |body: &Value| acme.update(&acme.admin, key.id(), body).send().expect(200)["api_key"].clone();
    let expires_at = clock::ahead(Duration::from_hours(1));
    let mut expected = key.key.clone();
    for (given, becomes) in [
        (json!({}), json!({})),
        (json!({"source": "operator", "newer": [null]}), json!({})),
        (json!({"name": " é "}), json!({"name": " é "})),
        (json!({"scopes": ["schema:read", "jobs:read"]}), json!({"scopes": ["schema:read", "jobs:read"]})),
        (json!({"device_name": "laptop"}), json!({"device_name": "laptop"})),
        (json!({"expires_at": expires_at}), json!({"expires_at": expires_at})),
        (json!({"expires_at": null, "device_name": null}), json!({"expires_at": null, "device_name": null})),
    ] {
        let mut changed = update(&given);
        changed.as_object_mut().unwrap().remove("last_used_at");
        for (member, value) in becomes.as_object().unwrap() {
            match value {
                Value::Null => drop(expected.as_object_mut().unwrap().remove(member)),
                value => expected[member] = value.clone(),
            }
        }
        if let (Some(time), Some(wanted)) = (changed.get("expires_at"), expected.get("expires_at")) {
            let second = |time: &Value| clock::parse(time.as_str().unwrap()).unix_timestamp();
            assert_eq!(second(time), second(wanted));
            expected["expires_at"] = time.clone();
        }
        assert_eq!(changed, expected, "{given}");
        assert_eq!(acme.stored()[0], expected, "{given}");
        assert!(acme.accepts(&key.plaintext));
    }
}

fn narrower_scopes_and_an_end_hold_at_once(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read", "schema:read"]);
    let question = json!({"api_key": key.plaintext, "scopes": ["schema:read"]});
    for _ in 0..3 {
        assert_eq!(acme.server.verify(&question)["valid"], true);
        acme.update(&acme.admin, key.id(), &json!({"scopes": ["jobs:read"]})).send().expect(200);
        assert_eq!(acme.server.verify(&question)["code"], "insufficient_scope");
        acme.update(&acme.admin, key.id(), &json!({"scopes": ["jobs:read", "schema:read"]}))
            .send()
            .expect(200);
    }
    let soon = json!({"expires_at": clock::ahead(Duration::from_secs(2))});
    acme.update(&acme.admin, key.id(), &soon).send().expect(200);
    while acme.accepts(&key.plaintext) {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(acme.server.verify(&question)["code"], "expired");
}

fn a_stale_tag_changes_nothing(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let rename = |name: &str| acme.update(&acme.admin, key.id(), &json!({"name": name}));
    let first = acme.reading(&acme.admin, key.id()).send().header("etag").unwrap().to_owned();
    // A use is not a change.
    assert!(acme.accepts(&key.plaintext));
    let changed = rename("one").header("if-match", &first).send();
    let second = changed.header("etag").unwrap().to_owned();
    assert_eq!(changed.expect(200)["api_key"]["name"], "one");
    for stale in [first.clone(), format!("W/{second}"), "\"\"".to_owned()] {
        rename("two").header("if-match", &stale).send().error(412);
    }
    for unreadable in ["", second.trim_matches('"')] {
        rename("two").header("if-match", unreadable).send().error(400);
    }
    assert_eq!(acme.stored()[0]["name"], "one");
    for good in [format!("{first}, {second}"), "*".to_owned()] {
        rename("one").header("if-match", good).send().expect(200);
    }
}

fn of_two_editors_with_one_tag_one_is_told(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let tag = acme.reading(&acme.admin, key.id()).send().header("etag").unwrap().to_owned();
    let start = Barrier::new(8);
    let answers: Vec<u16> = thread::scope(|scope| {
        let editors: Vec<_> = (0..8)
            .map(|number| {
                let (acme, key, tag, start) = (&acme, &key, &tag, &start);
                scope.spawn(move || {
                    start.wait();
                    let body = json!({"name": format!("name {number}")});
                    acme.update(&acme.admin, key.id(), &body).header("if-match", tag).send().status
                })
            })
            .collect();
        editors.into_iter().map(|editor| editor.join().unwrap()).collect()
    });
    assert_eq!(answers.iter().filter(|status| **status == 200).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|status| [200, 412].contains(status)), "{answers:?}");
}

fn a_key_makes_itself_stricter_and_nothing_else(store: Store) {
    let acme = store.tenant();
    let project = json!({"name": "p", "scopes": ["jobs:read", "schema:read"], "project_id": "p"});
    for mine in [acme.key_with(&["jobs:read", "schema:read"]), acme.create(&project)] {
        let update = |id: &str, body: Value| acme.update(&mine.plaintext, id, &body).send();
        update(&acme.admin_id, json!({})).error(403);
        for refused in [
            json!({"name": "other"}),
            json!({"device_name": "other"}),
            json!({"scopes": ["jobs:read", "schema:read", "backups:read"]}),
        ] {
            update(mine.id(), refused).error(403);
        }
        update(mine.id(), json!({"expires_at": clock::ahead(Duration::from_hours(9))})).expect(200);
        update(mine.id(), json!({"scopes": ["jobs:read"]})).expect(200);
        update(mine.id(), json!({"expires_at": null})).error(403);
        update(mine.id(), json!({"expires_at": clock::ahead(Duration::from_hours(10))})).error(403);
    }
}

fn a_change_that_breaks_a_rule_is_refused(store: Store) {
    let acme = store.tenant();
    let key = acme.create(&json!({"name": "p", "scopes": ["jobs:read"], "project_id": "p"}));
    for body in [
        "",
        "[]",
        "{",
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":null}"#,
        r#"{"name":" "}"#,
        r#"{"scopes":[]}"#,
        r#"{"scopes":null}"#,
        r#"{"scopes":["jobs:read","jobs:read"]}"#,
        r#"{"scopes":["nonsense"]}"#,
        r#"{"scopes":["*"]}"#,
        r#"{"expires_at":"1999-01-01T00:00:00Z"}"#,
        r#"{"expires_at":"2999-01-01T00:00:00Z"}"#,
        r#"{"expires_at":1}"#,
        r#"{"device_name":""}"#,
    ] {
        acme.update(&acme.admin, key.id(), &json!({})).json_text(body).send().error(400);
    }
    acme.update(&acme.admin, key.id(), &json!({})).body("text/plain", "{}").send().error(415);
    assert_eq!(acme.stored()[0], key.key);
}

fn a_key_that_is_over_is_not_changed(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    acme.revoke(key.id());
    let before = acme.stored();
    let answer = acme.update(&acme.admin, key.id(), &json!({"name": "other"})).send();
    assert_eq!(answer.error(409), "The API key is revoked.");
    assert_eq!(acme.stored(), before);
}

fn what_is_no_key_of_the_organization_is_not_found(store: Store) {
    let (acme, other) = (store.tenant(), store.tenant());
    for id in ["key_01h455vb4pex5vsknk084sn02q", &other.admin_id, "x", "%00"] {
        acme.update(&acme.admin, id, &json!({"name": "other"})).send().error(404);
    }
    assert_eq!(other.stored()[0]["name"], "admin");
}

/// Whatever proxies make of a header with several tags.
fn tags_are_read_from_all_lines_and_only_whole(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let good = acme.reading(&acme.admin, key.id()).send().header("etag").unwrap().to_owned();
    let other = "\"00000000000000000000000000000000\"";
    let many = vec![other; 100].join(", ");
    let rename = |lines: &[&[u8]]| {
        let call = acme.update(&acme.admin, key.id(), &json!({}));
        lines.iter().fold(call, |call, line| call.header("if-match", line)).send()
    };
    for (lines, status) in [
        (&[other.as_bytes(), good.as_bytes()][..], 200),
        (&[good.as_bytes(), other.as_bytes()], 200),
        (&[other.as_bytes(), other.as_bytes()], 412),
        (&[many.as_bytes()], 412),
        (&[format!("{many}, {good}").as_bytes()], 200),
        (&[format!("{other},{good}").as_bytes()], 200),
        (&[good.trim_end_matches('"').as_bytes()], 400),
        (&[&good.as_bytes()[..20]], 400),
        (&[b"\xff"], 400),
        (&[b"W/*"], 400),
        (&[b"*", other.as_bytes()], 400),
        (&[format!("{}, {good}", &other[..20]).as_bytes()], 400),
    ] {
        let answer = rename(lines);
        assert_eq!(answer.status, status, "{lines:?}");
    }
}

fn a_body_over_64_kib_changes_nothing(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let body = |length: usize| {
        let empty = json!({"name": "n", "reason": "r", "pad": ""}).to_string().len();
        json!({"name": "n", "reason": "r", "pad": "x".repeat(length - empty)})
    };
    for length in [64 * 1_024 + 1, 1_000_000] {
        acme.update(&acme.admin, key.id(), &body(length)).send().error(413);
        acme.disabling(&acme.admin, key.id()).json(&body(length)).send().error(413);
    }
    assert_eq!(acme.stored()[0], key.key);
    acme.update(&acme.admin, key.id(), &body(64 * 1_024)).send().expect(200);
    acme.disabling(&acme.admin, key.id()).json(&body(64 * 1_024)).send().expect(200);
}

/// What comes of each operation on one key.
fn all(acme: &Tenant<'_>, credential: &str, id: &str) -> [Answer; 5] {
    [
        acme.reading(credential, id).send(),
        acme.update(credential, id, &json!({"name": "other"})).send(),
        acme.update(credential, id, &json!({})).header("if-match", "\"stale\"").send(),
        acme.disabling(credential, id).send(),
        acme.enabling(credential, id).send(),
    ]
}

fn nobody_sees_or_changes_a_key_by_way_of_another_organization(store: Store) {
    let at_clerk = clerk::organization_id();
    let (acme, home) = (store.tenant(), Tenant::with_clerk(store.server(), &at_clerk));
    let own = home.key_with(&["jobs:read"]);
    let foreign = Tenant { id: acme.id.clone(), ..home.clone() };
    let nowhere = Tenant { id: "malformed".to_owned(), ..home.clone() };
    for credential in [&home.admin, &own.plaintext, &Session::admin(&at_clerk).sign()] {
        for id in [own.id(), &acme.admin_id, "malformed"] {
            let sentences: Vec<String> = [&foreign, &nowhere]
                .map(|tenant| all(tenant, credential, id).map(|answer| answer.error(403)))
                .into_iter()
                .flatten()
                .collect();
            assert!(sentences.iter().all(|one| *one == sentences[0]), "{sentences:?}");
        }
    }
    assert_eq!((home.stored()[0].clone(), acme.stored().len()), (own.key, 1));
}

fn nothing_changes_in_a_suspended_organization(store: Store) {
    let acme = store.tenant();
    let key = acme.key_with(&["jobs:read"]);
    let commands = acme.server.installation();
    commands.json(&["organizations", "suspend", &acme.id]);
    for credential in [&acme.admin, &key.plaintext] {
        for answer in all(&acme, credential, key.id()) {
            answer.error(403);
        }
    }
    commands.json(&["organizations", "resume", &acme.id]);
    assert_eq!(acme.stored()[0], key.key);
}

fn a_change_beside_a_revocation_never_makes_the_key_good_again(store: Store) {
    let acme = store.tenant();
    for round in 0..20 {
        let key = acme.key_with(&["jobs:read"]);
        if round % 2 == 0 {
            acme.disabling(&acme.admin, key.id()).send().expect(200);
        }
        let start = Barrier::new(4);
        let answers = thread::scope(|scope| {
            let changes = [
                acme.enabling(&acme.admin, key.id()),
                acme.update(&acme.admin, key.id(), &json!({"scopes": ["*"]})),
                acme.update(
                    &acme.admin,
                    key.id(),
                    &json!({"expires_at": clock::ahead(Duration::from_hours(9))}),
                ),
            ];
            let changing = changes.map(|call| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    call.send().status
                })
            });
            start.wait();
            acme.revoke(key.id());
            assert!(!acme.accepts(&key.plaintext));
            changing.map(|one| one.join().unwrap())
        });
        assert!(answers.iter().all(|status| [200, 409].contains(status)), "{answers:?}");
        assert!(!acme.accepts(&key.plaintext), "{answers:?}");
        let stored = acme.stored().into_iter().find(|one| one["id"] == key.id()).unwrap();
        assert!(stored["revoked_at"].is_string() && stored["is_active"] == false, "{stored}");
    }
}
