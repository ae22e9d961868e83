//! A service that breaks its promise is found out. Without this the other tests would prove little.

use std::time::Duration;

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene},
};

/// Where the machine is busy, the replica may have lost its lease now and then before it is cut off, and
/// accept nothing; hardly every time.
const REVOCATIONS: usize = 12;

/// Replicas that disagree about L: B trusts its cache six times as long as A waits.
#[test]
fn a_lease_that_is_too_long_is_found_out() {
    let mut scene = Scene::with(Route::Proxied, On::Shared, &[], &[("CACHE__LEASE_MS", "3000")]);
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::from_millis(1_500)),
        |scene, _| scene.proxy().swallow(true),
        |scene| scene.proxy().heal(),
    );
    let judge = campaign::observe("lease too long", &mut scene, REVOCATIONS, fault.before_all());
    assert!(judge.violations().iter().all(|&count| count > 0), "{:?}", judge.violations());
}

/// Replica A answers at once, and B keeps to its lease.
#[test]
fn an_answer_that_comes_too_early_is_found_out() {
    let mut scene = Scene::with(Route::Proxied, On::Shared, &[("CACHE__COMMIT_WAIT", "false")], &[]);
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::from_millis(500)),
        |scene, _| scene.proxy().swallow(true),
        |scene| scene.proxy().heal(),
    );
    let judge = campaign::observe("answered too early", &mut scene, REVOCATIONS, fault.before_all());
    let [after_answer, after_lease, relied_on] = judge.violations();
    assert!(after_answer > 0 && after_lease == 0 && relied_on > 0, "{:?}", judge.violations());
}
