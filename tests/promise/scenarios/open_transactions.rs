//! Somebody leaves transactions open: one that wrote, and one that holds a snapshot. A feed that is
//! read below the oldest of them would stand still.

use crate::{
    campaign::{self, Fault},
    postgres::Session,
    scene::{On, Route, Scene},
};
use capykeys_tests::on_one_store;

on_one_store![postgresql: transactions_that_are_left_open_delay_no_refusal];

const WROTE: &str = "BEGIN; INSERT INTO organizations (id, name, slug, created_at, updated_at) \
     VALUES (gen_random_uuid(), 'Left open', 'left-open', now(), now())";
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM api_keys";

fn transactions_that_are_left_open_delay_no_refusal() {
    let mut scene = Scene::new(Route::Direct, On::Shared);
    let sessions = [WROTE, SNAPSHOT].map(|statements| {
        let session = Session::open(&scene.database_url()).expect("a connection");
        session.run(statements);
        session
    });
    campaign::run("transactions left open", &mut scene, Fault::none());
    // They were open all the time.
    for session in sessions {
        session.run("COMMIT");
    }
}
