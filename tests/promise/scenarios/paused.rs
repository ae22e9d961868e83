//! Replica B stands still for a while, as a virtual machine does that is moved.

use capykeys_tests::on_one_store;
use rustix::process::Signal;

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene},
    settings,
};

on_one_store![postgresql: a_replica_that_stood_still_accepts_nothing_too_long];

fn a_replica_that_stood_still_accepts_nothing_too_long() {
    let mut scene = Scene::new(Route::Direct, On::Shared);
    let fault = Fault::new(
        Lasts::UntilRevoked(settings::pause()),
        |scene, _| scene.b.signal(Signal::STOP),
        |scene| scene.b.signal(Signal::CONT),
    );
    campaign::run("replica paused", &mut scene, fault);
}
