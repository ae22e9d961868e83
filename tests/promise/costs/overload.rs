//! Replica B is asked for more keys that it does not know than PostgreSQL can look up in time.

use std::time::Duration;

use capykeys_tests::verification::question;

use super::plaintexts;
use crate::{
    driver::{Driver, Sample, all_keys},
    scene::{FEED, On, Route, Scene},
};

const KEYS: usize = 300;
/// Of each key in a second.
const RATE: u32 = 10;
/// Of every answer of PostgreSQL: 8 connections can do 133 lookups a second, and 3,000 are asked for.
const LATENCY: Duration = Duration::from_millis(60);
/// All keys could be looked up in little more than two seconds.
const LIMIT: Duration = Duration::from_secs(10);

/// What is known is not asked for again, so the replica could catch up soon.
#[test]
#[ignore = "wants a machine of its own: scripts/soak runs it"]
fn a_replica_that_is_asked_for_too_much_catches_up() {
    let scene = Scene::new(Route::Proxied, On::Shared);
    let keys = plaintexts(&scene, KEYS);
    let driver = Driver::start(scene.target.clone(), RATE);
    scene.proxy().delay_answers(LATENCY, FEED);
    driver.begin(keys.iter().map(|key| question(key, Duration::ZERO)));
    driver.wait("every key is known", LIMIT, |samples| all_keys(KEYS, samples, Sample::is_accepted));
}
