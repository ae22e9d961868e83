//! A service that breaks its promise is found out. Without this the other tests would prove little.

use std::time::Duration;

use capykeys_tests::on_one_store;

use crate::{
    campaign::{self, Fault, Lasts},
    postgres::Session,
    scene::{On, Route, Scene},
    settings::LEASE,
};

on_one_store![
    postgresql:
    a_lease_that_is_too_long_is_found_out,
    an_answer_that_comes_too_early_is_found_out,
    a_registration_that_is_lost_is_found_out,
];

/// Where the machine is busy, the replica may have lost its lease now and then before it is cut off, and
/// accept nothing; hardly every time.
const REVOCATIONS: usize = 12;

/// Six times as long as usual.
const LONG: &[(&str, &str)] = &[("CACHE__LEASE", "3000ms")];

/// For replica B until it registers again.
const NOT_REGISTERED: &str = "DELETE FROM replicas WHERE lease = 3000000";

fn cut_off<'a>(at_least: Duration) -> Fault<'a> {
    let lasts = Lasts::UntilRevoked(at_least);
    let fault = Fault::new(lasts, |scene, _| scene.proxy().swallow(true), |scene| scene.proxy().heal());
    fault.before_all()
}

/// DELETE waits for replica B, which trusts its cache for longer than L.
fn a_lease_that_is_too_long_is_found_out() {
    let mut scene = Scene::with(Route::Proxied, On::Shared, &[], LONG);
    scene.lease = LEASE;
    let judge = campaign::observe("lease too long", &mut scene, REVOCATIONS, cut_off(Duration::ZERO));
    let [after_answer, after_lease, relied_on] = judge.violations();
    assert!(after_answer == 0 && after_lease > 0 && relied_on > 0, "{:?}", judge.violations());
}

/// Replica A answers at once, and B keeps to its lease.
fn an_answer_that_comes_too_early_is_found_out() {
    let mut scene = Scene::with(Route::Proxied, On::Shared, &[("CACHE__COMMIT_WAIT", "false")], &[]);
    let fault = cut_off(Duration::from_millis(500));
    let judge = campaign::observe("answered too early", &mut scene, REVOCATIONS, fault);
    let [after_answer, after_lease, relied_on] = judge.violations();
    assert!(after_answer > 0 && after_lease == 0 && relied_on > 0, "{:?}", judge.violations());
}

/// Replica A does not know that there is a replica B, which keeps to its lease.
fn a_registration_that_is_lost_is_found_out() {
    let mut scene = Scene::with(Route::Proxied, On::Shared, &[], LONG);
    let session = Session::open(&scene.database_url()).expect("a connection");
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::from_secs(1)),
        |scene, _| {
            scene.proxy().swallow(true);
            session.run(NOT_REGISTERED);
        },
        |scene| scene.proxy().heal(),
    );
    let judge = campaign::observe("not registered", &mut scene, REVOCATIONS, fault.before_all());
    let [after_answer, after_lease, relied_on] = judge.violations();
    assert!(after_answer > 0 && after_lease == 0 && relied_on > 0, "{:?}", judge.violations());
}
