//! Nothing goes wrong.

use std::time::Duration;

use capykeys_tests::on_one_store;

use crate::{
    campaign::{self, Fault},
    revoker::Means,
    scene::{On, Route, Scene},
    settings,
};

on_one_store![
    postgresql:
    a_revoked_key_is_refused_by_the_other_replica,
    a_disabled_key_is_refused_by_the_other_replica,
    a_key_that_has_lost_a_scope_is_refused_by_the_other_replica,
    a_key_that_was_revoked_with_others_is_refused_by_the_other_replica,
];

/// What is aimed at where nothing is broken and the machine has nothing else to do.
const P99: Duration = Duration::from_millis(150);

fn a_revoked_key_is_refused_by_the_other_replica() {
    let mut scene = Scene::new(Route::Direct, On::Own);
    let judge = campaign::run("healthy", &mut scene, Fault::none());
    if settings::at_full_length() {
        assert!(judge.p99() <= P99, "the 99th percentile is {:?}", judge.p99());
    }
}

/// Of what the replica remembers, and of what it has never seen.
fn is_kept(scenario: &str, means: Means) {
    for (scenario, fault) in
        [(scenario.to_owned(), Fault::none()), (format!("{scenario}, cold"), Fault::none().on_cold_keys())]
    {
        let mut scene = Scene::new(Route::Direct, On::Shared);
        campaign::run(&scenario, &mut scene, fault.by(means));
    }
}

fn a_disabled_key_is_refused_by_the_other_replica() {
    is_kept("disabled", Means::Disable);
}

fn a_key_that_has_lost_a_scope_is_refused_by_the_other_replica() {
    is_kept("fewer scopes", Means::Narrow);
}

fn a_key_that_was_revoked_with_others_is_refused_by_the_other_replica() {
    is_kept("many at once", Means::Many);
}
