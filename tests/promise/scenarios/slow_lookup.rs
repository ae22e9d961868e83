//! A key that a replica does not know is revoked while the replica's question for it is on its way:
//! the answer still calls it good.

use std::time::Duration;

use capykeys_tests::{
    on_one_store,
    verification::{Connection, question},
};
use tokio::runtime;

use crate::{
    campaign::{self, Fault, Lasts},
    driver::locked,
    random::Random,
    scene::{FEED, On, Route, Scene},
};

on_one_store![postgresql: an_answer_that_is_late_revives_no_key];

/// The last is longer than anybody waits for an answer.
const DELAYS: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(300),
    Duration::from_millis(800),
];

/// Connections that are not fresh would be tested first, and what is delayed then is the test.
const CONNECTIONS: usize = 8;

fn use_connections(scene: &Scene, random: &mut Random) {
    let address = *locked(&scene.target);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let asked: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let question = question(&random.key(), Duration::ZERO);
                tokio::spawn(async move { Connection::open(address).await?.ask(&question).await.map(drop) })
            })
            .collect();
        for answer in asked {
            answer.await.expect("a task").expect("an answer");
        }
    });
}

fn an_answer_that_is_late_revives_no_key() {
    let mut scene = Scene::new(Route::Proxied, On::Shared);
    let fault = Fault::new(
        Lasts::UntilRevoked(Duration::ZERO),
        |scene, random| {
            use_connections(scene, random);
            scene.proxy().delay_answers(random.choose(&DELAYS), FEED);
        },
        |scene| scene.proxy().heal(),
    );
    campaign::run("lookups answered late", &mut scene, fault.on_cold_keys());
}
