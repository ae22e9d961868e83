//! Replica B is cut off from PostgreSQL.

use std::time::Duration;

use capykeys_tests::on_one_store;

use capykeys_testkit::Way;

use crate::{
    campaign::{self, Fault, Lasts},
    revoker::Means,
    scene::{On, Route, Scene},
};

on_one_store![
    postgresql:
    a_replica_that_is_cut_off_both_ways_accepts_nothing_too_long,
    a_replica_that_is_cut_off_accepts_no_disabled_key_too_long,
    a_replica_that_is_cut_off_lets_no_key_do_too_long_what_it_may_do_no_more,
    a_replica_whose_questions_are_lost_accepts_nothing_too_long,
    a_replica_whose_answers_are_lost_accepts_nothing_too_long,
    a_replica_whose_connections_are_closed_accepts_nothing_too_long,
];

fn partition(scenario: &str, strike: impl Fn(&Scene)) {
    partition_of(scenario, Means::Delete, strike);
}

fn partition_of(scenario: &str, means: Means, strike: impl Fn(&Scene)) {
    let mut scene = Scene::new(Route::Proxied, On::Shared);
    let lasts = Lasts::UntilRevoked(Duration::ZERO);
    let fault = Fault::new(lasts, |scene, _| strike(scene), |scene| scene.proxy().heal());
    campaign::run(scenario, &mut scene, fault.by(means));
}

fn a_replica_that_is_cut_off_both_ways_accepts_nothing_too_long() {
    partition("cut off both ways", |scene| scene.proxy().swallow(true));
}

fn a_replica_that_is_cut_off_accepts_no_disabled_key_too_long() {
    partition_of("cut off, disabled", Means::Disable, |scene| scene.proxy().swallow(true));
}

fn a_replica_that_is_cut_off_lets_no_key_do_too_long_what_it_may_do_no_more() {
    partition_of("cut off, fewer scopes", Means::Narrow, |scene| scene.proxy().swallow(true));
}

fn a_replica_whose_questions_are_lost_accepts_nothing_too_long() {
    partition("questions lost", |scene| scene.proxy().swallow_one(Way::ToServer));
}

fn a_replica_whose_answers_are_lost_accepts_nothing_too_long() {
    partition("answers lost", |scene| scene.proxy().swallow_one(Way::ToClient));
}

fn a_replica_whose_connections_are_closed_accepts_nothing_too_long() {
    partition("connections closed", |scene| scene.proxy().cut());
}
