//! A thousand keys are revoked by one call, while they are verified: one event, which all of them obey.

use std::{
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{on_one_store, secrets, verification::question};
use serde_json::{Value, json};

use super::suspension::{HEAD, LIMIT, OF_ORGANIZATION, VERIFIED, fill};
use crate::{
    driver::{Driver, Sample, all_keys},
    judge::Judge,
    postgres::{Session, watch},
    revoker::{Revocation, bytes},
    scene::{On, Route, Scene},
    settings,
};

on_one_store![postgresql: a_thousand_keys_that_are_revoked_at_once_are_one_event_that_all_obey];

/// As many as one call takes.
const KEYS: i32 = 1_000;

fn revoke(scene: &Scene, ids: &[String]) -> Revocation {
    let tenant = scene.tenant();
    let first = bytes(&secrets::digest(&tenant.admin));
    let database = scene.database_url();
    thread::scope(|scope| {
        let commit = scope.spawn(|| watch(&database, OF_ORGANIZATION, &first, LIMIT));
        let sent = Instant::now();
        let answer: Value = tenant.revoking(&tenant.admin, &json!({ "ids": ids })).send().expect(200);
        let answered = Instant::now();
        assert_eq!((&answer["revoked"], &answer["more"]), (&json!(KEYS), &json!(false)));
        println!("cost: | a call that revokes {KEYS} keys | {} ms |", (answered - sent).as_millis());
        Revocation { sent, answered, commit: commit.join().expect("the commit is seen") }
    })
}

fn a_thousand_keys_that_are_revoked_at_once_are_one_event_that_all_obey() {
    let scene = Scene::new(Route::Direct, On::Shared);
    let session = Session::open(&scene.database_url()).expect("a connection");
    let keys = fill(&scene, &session, KEYS);
    let ids: Vec<String> = scene
        .tenant()
        .list()
        .iter()
        .filter(|key| key["name"] == "one of many")
        .map(|key| key["id"].as_str().expect("an id").to_owned())
        .collect();
    let head: i64 = session.row(HEAD, &[]).get(0);

    let driver = Driver::start(scene.target.clone(), if settings::at_full_length() { 10 } else { 2 });
    driver.begin(keys.iter().map(|key| question(key, Duration::ZERO)));
    driver.wait("every key is accepted", LIMIT, |samples| all_keys(VERIFIED, samples, Sample::is_accepted));
    let revocation = revoke(&scene, &ids);
    driver.wait("every key is refused", LIMIT, |samples| {
        all_keys(VERIFIED, samples, |sample| sample.is_refused() && sample.sent > revocation.answered)
    });

    let events = session.row(HEAD, &[]).get::<_, i64>(0) - head;
    let samples = driver.end();
    let mut judge = Judge::new("revoked", scene.lease);
    for key in 0..VERIFIED {
        let of_key: Vec<&Sample> = samples.iter().filter(|sample| sample.key == key).collect();
        judge.judge(&format!("many, seed {}, key {key}", settings::seed()), &revocation, &of_key);
    }
    judge.conclude("a thousand at once");
    assert_eq!(events, 1);
}
