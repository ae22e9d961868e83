//! Both replicas are behind `PgBouncer` in transaction mode.

use crate::{
    campaign::{self, Fault},
    scene::{On, Route, Scene},
};
use capykeys_tests::on_one_store;

on_one_store![postgresql: a_revoked_key_is_refused_behind_pgbouncer];

fn a_revoked_key_is_refused_behind_pgbouncer() {
    let mut scene = Scene::new(Route::Bounced, On::Shared);
    campaign::run("behind PgBouncer", &mut scene, Fault::none());
}
