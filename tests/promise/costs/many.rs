//! A thousand keys are revoked by one call, while they are verified: one event, which all of them obey.

use std::{
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{Tenant, on_one_store, secrets, verification::question};
use reqwest::Method;
use serde_json::{Value, json};

use super::suspension::{HEAD, LIMIT, OF_ORGANIZATION, VERIFIED, fill};
use crate::{
    driver::{Driver, Sample, all_keys},
    judge::Judge,
    postgres::{Session, watch},
    revoker::{Revocation, bytes},
    scene::{On, Route, Scene, Settings},
    settings,
};

on_one_store![
    postgresql:
    a_thousand_keys_that_are_revoked_at_once_are_one_event_that_all_obey,
    a_key_with_all_that_were_made_with_it_is_two_events_that_all_obey,
];

/// With the key that they were made with, as many as one call takes.
const KEYS: i32 = 999;

const MADE: &str = "UPDATE api_keys SET created_by_key_id = \
     (SELECT id FROM api_keys WHERE digest = $1) WHERE name = 'one of many' RETURNING id";

/// For the replica that revokes: a machine that is busy takes longer for a thousand keys than it may for one.
const PATIENT: Settings<'_> = &[("POSTGRES__DEADLINE", "4000ms")];

/// The answer to a call that revokes the keys with these ids, which were made with the first of them.
type Call = fn(&Tenant<'_>, &[String]) -> Value;

fn revoke(scene: &Scene, ids: &[String], call: Call) -> Revocation {
    let tenant = scene.tenant();
    let first = bytes(&secrets::digest(&tenant.admin));
    let database = scene.database_url();
    thread::scope(|scope| {
        let commit = scope.spawn(|| watch(&database, OF_ORGANIZATION, &first, LIMIT));
        let sent = Instant::now();
        let answer = call(&tenant, ids);
        let answered = Instant::now();
        println!("cost: | a call that revokes {} keys | {} ms |", ids.len(), (answered - sent).as_millis());
        assert!(answer["more"].is_boolean(), "{answer}");
        Revocation { sent, answered, commit: commit.join().expect("the commit is seen") }
    })
}

/// All of the keys are refused as is promised, and the feed has so many events.
fn all_obey(told: i64, call: Call) {
    let scene = Scene::with(Route::Direct, On::Shared, PATIENT, &[]);
    let session = Session::open(&scene.database_url()).expect("a connection");
    let root = scene.tenant().key_with(&["*"]);
    let keys = fill(&scene, &session, KEYS);
    let made = session.try_query(MADE, &[&bytes(&secrets::digest(&root.plaintext))]).expect("its keys");
    assert_eq!(made.len(), usize::try_from(KEYS).expect("few"));
    let listed = scene.tenant().list();
    let made = listed.iter().filter(|key| key["name"] == "one of many").filter_map(|key| key["id"].as_str());
    let ids: Vec<String> = [root.id()].into_iter().chain(made).map(str::to_owned).collect();
    let head: i64 = session.row(HEAD, &[]).get(0);

    let driver = Driver::start(scene.target.clone(), if settings::at_full_length() { 10 } else { 2 });
    driver.begin(keys.iter().map(|key| question(key, Duration::ZERO)));
    driver.wait("every key is accepted", LIMIT, |samples| all_keys(VERIFIED, samples, Sample::is_accepted));
    let revocation = revoke(&scene, &ids, call);
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
    assert_eq!(events, told);
    let active = scene.tenant().list().iter().filter(|key| key["is_active"] == true).count();
    assert_eq!(active, 1, "all but the caller's");
}

fn a_thousand_keys_that_are_revoked_at_once_are_one_event_that_all_obey() {
    all_obey(1, |tenant, ids| {
        let answer = tenant.revoking(&tenant.admin, &json!({ "ids": ids })).send().expect(200);
        assert_eq!(answer["revoked"], ids.len());
        answer
    });
}

fn a_key_with_all_that_were_made_with_it_is_two_events_that_all_obey() {
    // That of the key itself, and one of all others.
    all_obey(2, |tenant, ids| {
        let path = format!("{}?descendants=true", tenant.key_path(&ids[0]));
        let answer = tenant.server.call(Method::DELETE, &path).bearer(&tenant.admin).send().expect(200);
        assert_eq!(answer["revoked_descendants"], ids.len() - 1);
        answer
    });
}
