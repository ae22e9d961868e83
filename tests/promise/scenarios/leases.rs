//! Replicas that take other leases than each other, and other ones than they did before.

use std::{cell::Cell, time::Duration};

use capykeys_tests::on_one_store;

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene, Settings},
    settings,
};

on_one_store![
    postgresql:
    a_replica_with_a_longer_lease_than_the_one_that_revokes_is_waited_for,
    a_replica_with_a_longer_lease_is_waited_for_while_it_is_cut_off,
    a_rolling_restart_may_change_the_lease,
];

const SHORT: Settings<'_> = &[("CACHE__LEASE", "500ms")];
const LONG: Settings<'_> = &[("CACHE__LEASE", "5000ms")];
const OTHER: Settings<'_> = &[("CACHE__LEASE", "2500ms")];

/// DELETE or a restart takes as long as a lease each time: fewer times than elsewhere.
fn revocations() -> usize {
    (settings::revocations() / 5).max(8)
}

/// Replica B asks once a second for what has changed.
fn a_replica_with_a_longer_lease_than_the_one_that_revokes_is_waited_for() {
    let mut scene = Scene::with(Route::Direct, On::Shared, SHORT, LONG);
    campaign::run("leases of 500 and 5,000 ms", &mut scene, Fault::none());
}

fn a_replica_with_a_longer_lease_is_waited_for_while_it_is_cut_off() {
    let mut scene = Scene::with(Route::Proxied, On::Shared, SHORT, LONG);
    let lasts = Lasts::UntilRevoked(Duration::ZERO);
    let fault = Fault::new(lasts, |scene, _| scene.proxy().swallow(true), |scene| scene.proxy().heal());
    let scenario = "leases of 500 and 5,000 ms, cut off both ways";
    campaign::observe(scenario, &mut scene, revocations(), fault.before_all()).conclude(scenario);
}

/// Both replicas are replaced, one after the other, while keys are revoked.
fn a_rolling_restart_may_change_the_lease() {
    let mut scene = Scene::with(Route::Direct, On::Shared, SHORT, SHORT);
    scene.lease = Duration::from_millis(2_500);
    let restarts = Cell::new(0);
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::ZERO),
        |scene, _| {
            restarts.set(restarts.get() + 1);
            let [of_a, of_b] = if restarts.get() % 2 == 0 { [OTHER, SHORT] } else { [SHORT, OTHER] };
            scene.replace_b(of_b);
            scene.replace_a(of_a);
        },
        |_| {},
    );
    let scenario = "rolling restart with other leases";
    campaign::observe(scenario, &mut scene, revocations(), fault).conclude(scenario);
}
