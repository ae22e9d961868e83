//! What it costs to follow the feed where nothing happens.

use std::{thread, time::Duration};

use capykeys_tests::{on_one_store, process};

use crate::{
    postgres::Session,
    scene::{FEED, On, Route, Scene},
    settings,
};

on_one_store![postgresql: the_feed_is_followed_over_connections_of_its_own];

const BACKENDS: &str =
    "SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()";

/// Polls ten times as seldom as replica A does.
const SELDOM: &[(&str, &str)] = &[("CACHE__LEASE", "5000ms")];

fn measured_for() -> Duration {
    Duration::from_secs(if settings::at_full_length() { 60 } else { 1 })
}

/// Milliseconds of processor time in a second.
fn share(used: Duration, of: Duration) -> f64 {
    used.as_secs_f64() * 1_000.0 / of.as_secs_f64()
}

/// Reported and not asserted: it is the machine's as much as ours. What it does assert is that the
/// connections of the feed can be told from others, for whoever looks for them.
fn the_feed_is_followed_over_connections_of_its_own() {
    let scene = Scene::with(Route::Direct, On::Shared, &[], SELDOM);
    let session = Session::open(&scene.database_url()).expect("a connection");
    let backends: Vec<u32> = session
        .try_query(BACKENDS, &[&FEED])
        .expect("the backends")
        .iter()
        .map(|row| row.get::<_, i32>(0).unsigned_abs())
        .collect();
    assert!(backends.len() >= 2, "each replica follows the feed: {backends:?}");

    let replicas = [scene.a.pid(), scene.b.pid()];
    let used = || replicas.map(process::cpu_time);
    let served = || backends.iter().copied().map(process::cpu_time).sum::<Duration>();
    let (before, before_served) = (used(), served());
    thread::sleep(measured_for());
    let (after, after_served) = (used(), served());
    let [often, seldom] =
        [0, 1].map(|index| share(after[index].saturating_sub(before[index]), measured_for()));
    println!("cost: | CPU of an idle replica that polls 10 times a second | {often:.2} ms/s |");
    println!("cost: | CPU of an idle replica that polls once a second | {seldom:.2} ms/s |");
    let served = share(after_served.saturating_sub(before_served), measured_for());
    println!("cost: | CPU of PostgreSQL for both | {served:.2} ms/s |");
}
