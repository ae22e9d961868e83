//! How long a DELETE takes: whom it waits for, and for how long at the most.
//!
//! The figures are printed. Asserted is what no busy machine can change: that it is answered before a
//! lease has passed where nobody has to be waited for, and before the longest lease that there is
//! has passed where somebody has. At full length more is.

use std::time::Duration;

use capykeys_tests::{on_one_store, wait};
use rustix::process::Signal;

use crate::{
    judge::{milliseconds, percentile},
    postgres::Session,
    scene::{On, Route, Scene, Settings, leave},
    settings::{self, LEASE},
};

on_one_store![
    postgresql:
    a_delete_waits_for_no_lease_where_everybody_is_there,
    a_delete_waits_for_whoever_is_silent_until_their_lease_has_run_out_or_they_are_forgotten,
];

/// The longest lease that a replica may take.
const LONGEST: Duration = Duration::from_secs(5);
/// So many that nobody is forgotten meanwhile.
const SILENCED: usize = 3;
/// The lease of those that say nothing any more.
const SILENT: Settings<'_> = &[("CACHE__LEASE", "2000ms")];
/// A replica that says nothing for 20 s is forgotten; others look every 5 s.
const LIMIT: Duration = Duration::from_mins(2);

const REGISTERED: &str = "SELECT count(*) FROM replicas";

/// How long each of so many DELETEs took.
fn times(situation: &str, scene: &Scene, count: usize) -> Vec<Duration> {
    let revoker = scene.revoker();
    let delete = |key: capykeys_tests::Created| {
        let (sent, answered) = revoker.delete_patiently(key.id());
        answered - sent
    };
    let times: Vec<_> = scene.keys(count).into_iter().map(delete).collect();
    let [p50, p99, max] = [50, 99, 100].map(|percent| milliseconds(percentile(&times, percent)));
    println!("delete: | {situation} | {count} | {p50} | {p99} | {max} |");
    times
}

/// Nobody is waited for longer than they take to confirm.
#[track_caller]
fn is_fast(situation: &str, scene: &Scene, [p50, p99]: [Duration; 2]) {
    let times = times(situation, scene, settings::revocations());
    assert!(percentile(&times, 0) < LEASE, "{situation}: all waited for a lease: {times:?}");
    if settings::at_full_length() {
        assert!(percentile(&times, 50) <= p50 && percentile(&times, 99) <= p99, "{situation}");
    }
}

/// Somebody is waited for, until their lease has run out.
#[track_caller]
fn waits_for_a_lease(situation: &str, scene: &Scene) {
    let times = times(situation, scene, SILENCED);
    assert!(percentile(&times, 0) < LONGEST, "{situation}: {times:?}");
    if settings::at_full_length() {
        assert!(percentile(&times, 100) < Duration::from_secs(3), "{situation}: {times:?}");
    }
}

fn await_registered(scene: &Scene, count: i64) {
    let session = Session::open_patiently(&scene.database_url(), LIMIT);
    wait::until("the others are registered, and those that are gone are not", LIMIT, || {
        (session.row(REGISTERED, &[]).get::<_, i64>(0) == count).then_some(())
    });
}

const HEALTHY: [Duration; 2] = [Duration::from_millis(150), Duration::from_millis(300)];
const ALONE: [Duration; 2] = [Duration::from_millis(30), Duration::from_millis(150)];

fn a_delete_waits_for_no_lease_where_everybody_is_there() {
    let scene = Scene::with(Route::Direct, On::Own, &[], SILENT);
    let third = scene.another(&[]);
    await_registered(&scene, 3);
    is_fast("two others, one of which polls every 400 ms", &scene, [LEASE, LEASE]);
    // In good order, so that nobody waits for their leases.
    leave(&scene.b);
    await_registered(&scene, 2);
    let fourth = scene.another(&[]);
    await_registered(&scene, 3);
    is_fast("two others", &scene, HEALTHY);
    leave(&third);
    is_fast("one other, and one that has just left", &scene, HEALTHY);
    leave(&fourth);
    is_fast("alone, the others have just left", &scene, ALONE);
}

fn a_delete_waits_for_whoever_is_silent_until_their_lease_has_run_out_or_they_are_forgotten() {
    let scene = Scene::with(Route::Proxied, On::Own, &[], SILENT);
    let third = scene.another(SILENT);
    await_registered(&scene, 3);
    scene.proxy().swallow(true);
    waits_for_a_lease("one of two others, with a lease of 2,000 ms, is cut off", &scene);
    scene.proxy().heal();
    scene.b.signal(Signal::STOP);
    waits_for_a_lease("one of two others stands still", &scene);
    scene.b.signal(Signal::CONT);
    third.kill();
    waits_for_a_lease("one of two others was killed", &scene);
    await_registered(&scene, 2);
    is_fast("it is forgotten", &scene, [LEASE, LEASE]);
}
