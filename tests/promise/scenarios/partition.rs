//! Replica B is cut off from PostgreSQL.

use std::time::Duration;

use capykeys_tests::on_one_store;

use capykeys_testkit::Way;

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene},
};

on_one_store![
    postgresql:
    a_replica_that_is_cut_off_both_ways_accepts_nothing_too_long,
    a_replica_whose_questions_are_lost_accepts_nothing_too_long,
    a_replica_whose_answers_are_lost_accepts_nothing_too_long,
    a_replica_whose_connections_are_closed_accepts_nothing_too_long,
];

fn partition(scenario: &str, strike: impl Fn(&Scene)) {
    let mut scene = Scene::new(Route::Proxied, On::Shared);
    let lasts = Lasts::UntilRevoked(Duration::ZERO);
    let fault = Fault::new(lasts, |scene, _| strike(scene), |scene| scene.proxy().heal());
    campaign::run(scenario, &mut scene, fault);
}

fn a_replica_that_is_cut_off_both_ways_accepts_nothing_too_long() {
    partition("cut off both ways", |scene| scene.proxy().swallow(true));
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
