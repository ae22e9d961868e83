//! Replica B is killed in the middle and started again.

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene},
};

#[test]
fn a_replica_that_was_started_again_accepts_nothing_too_long() {
    let mut scene = Scene::new(Route::Direct, On::Shared);
    let fault = Fault::new(Lasts::Moment, |_, _| {}, Scene::restart_b);
    campaign::run("replica restarted", &mut scene, fault);
}
