//! PostgreSQL is killed in the middle and started again.

use crate::{
    campaign::{self, Fault, Lasts},
    scene::{On, Route, Scene},
};
use capykeys_tests::on_one_store;

on_one_store![postgresql: no_replica_accepts_anything_too_long_when_postgresql_is_killed];

fn no_replica_accepts_anything_too_long_when_postgresql_is_killed() {
    let mut scene = Scene::new(Route::Direct, On::Own);
    let fault =
        Fault::new(Lasts::Moment, |scene, _| scene.cluster().kill(), |scene| scene.cluster().start_again());
    campaign::run("PostgreSQL killed", &mut scene, fault);
}
