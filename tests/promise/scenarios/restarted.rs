//! A replica is killed in the middle and started again.

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene},
};
use capykeys_tests::on_one_store;

on_one_store![
    postgresql:
    an_answer_that_was_asked_for_twice_comes_no_sooner,
    a_replica_that_was_started_again_accepts_nothing_too_long,
];

/// Whoever asked to revoke a key gets no answer, though it may have been committed, and asks again.
fn an_answer_that_was_asked_for_twice_comes_no_sooner() {
    let mut scene = Scene::new(Route::Direct, On::Shared);
    let fault = Fault::new(Lasts::Moment, |_, _| {}, Scene::restart_a);
    campaign::run("other replica restarted", &mut scene, fault);
}

fn a_replica_that_was_started_again_accepts_nothing_too_long() {
    let mut scene = Scene::new(Route::Direct, On::Shared);
    let fault = Fault::new(Lasts::Moment, |_, _| {}, Scene::restart_b);
    campaign::run("replica restarted", &mut scene, fault);
}
