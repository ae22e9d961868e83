//! An organization with many keys is suspended: one event, which all its keys obey.

use std::{thread, time::Duration, time::Instant};

use capykeys_tests::{Output, on_one_store, secrets, verification::question};

use crate::{
    driver::{Driver, Sample, all_keys},
    judge::Judge,
    postgres::{Session, watch},
    random::Random,
    revoker::{Revocation, bytes},
    scene::{On, Route, Scene},
    settings,
};

on_one_store![postgresql: a_suspension_is_one_event_that_all_keys_obey];

const KEYS: i32 = 100_000;
/// How many of them are verified.
pub(super) const VERIFIED: usize = 300;
pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// Copies of the organization's first key, under the digests that are given and so many others.
const INSERT: &str = "INSERT INTO api_keys \
         (id, organization_id, name, key_prefix, scopes, source, created_at, pepper_id, digest) \
     SELECT gen_random_uuid(), organization_id, 'one of many', key_prefix, scopes, source, created_at, \
         pepper_id, new.digest \
     FROM api_keys k, (SELECT unnest($2::bytea[]) UNION ALL \
         SELECT sha256(convert_to(n::text, 'UTF8')) FROM generate_series(1, $3) n) new (digest) \
     WHERE k.digest = $1";

pub(super) const OF_ORGANIZATION: &str =
    "kind = 'organization' AND organization_id = (SELECT organization_id FROM api_keys WHERE digest = $1)";

pub(super) const HEAD: &str = "SELECT max(sequence) FROM changes";

/// Gives the organization its keys, and those that can be verified.
pub(super) fn fill(scene: &Scene, session: &Session, count: i32) -> Vec<String> {
    let mut random = Random::new(settings::seed());
    let keys: Vec<String> = (0..VERIFIED).map(|_| random.key()).collect();
    let digests: Vec<Vec<u8>> = keys.iter().map(|key| bytes(&secrets::digest(key))).collect();
    let others = count - i32::try_from(VERIFIED).expect("few");
    let first = bytes(&secrets::digest(&scene.tenant().admin));
    session.try_query(INSERT, &[&first, &digests, &others]).expect("the keys");
    keys
}

/// Suspends the organization as an operator does.
fn suspend(scene: &Scene) -> Revocation {
    let tenant = scene.tenant();
    let first = bytes(&secrets::digest(&tenant.admin));
    let database = scene.database_url();
    thread::scope(|scope| {
        let commit = scope.spawn(|| watch(&database, OF_ORGANIZATION, &first, LIMIT));
        let sent = Instant::now();
        let _: Output =
            scene.a.installation().run(&["organizations", "suspend", &tenant.id]).expect_success();
        Revocation { sent, answered: Instant::now(), commit: commit.join().expect("the commit is seen") }
    })
}

fn a_suspension_is_one_event_that_all_keys_obey() {
    let scene = Scene::new(Route::Direct, On::Shared);
    let session = Session::open(&scene.database_url()).expect("a connection");
    let keys = fill(&scene, &session, KEYS);
    let head: i64 = session.row(HEAD, &[]).get(0);

    // After the suspension all of them are looked up again.
    let driver = Driver::start(scene.target.clone(), if settings::at_full_length() { 10 } else { 2 });
    driver.begin(keys.iter().map(|key| question(key, Duration::ZERO)));
    driver.wait("every key is accepted", LIMIT, |samples| all_keys(VERIFIED, samples, Sample::is_accepted));
    let suspension = suspend(&scene);
    driver.wait("every key is refused", LIMIT, |samples| {
        all_keys(VERIFIED, samples, |sample| sample.is_refused() && sample.sent > suspension.answered)
    });

    let events = session.row(HEAD, &[]).get::<_, i64>(0) - head;
    println!("cost: | events for the suspension of an organization with {KEYS} keys | {events} |");
    let samples = driver.end();
    let mut judge = Judge::new("organization_suspended", scene.lease);
    for key in 0..VERIFIED {
        let of_key: Vec<&Sample> = samples.iter().filter(|sample| sample.key == key).collect();
        judge.judge(&format!("suspension, seed {}, key {key}", settings::seed()), &suspension, &of_key);
    }
    judge.conclude("organization suspended");
    assert_eq!(events, 1);
}
