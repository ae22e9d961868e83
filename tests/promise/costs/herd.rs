//! A thousand clients ask for the same key, which nobody has asked for yet, all at once.

use std::{net::SocketAddr, time::Duration};

use capykeys_tests::{
    on_one_store,
    verification::{Connection, Verdict, question},
};
use tokio::{runtime::Runtime, task::JoinSet};

use super::{PATIENT, Statements, address_of_b, all_accepted, plaintexts};
use crate::scene::{On, Route, Scene};

on_one_store![postgresql: a_herd_that_asks_for_the_same_key_costs_one_lookup];

const HERDS: usize = 3;
const HERD: usize = 1_000;

async fn open(address: SocketAddr) -> Vec<Connection> {
    let mut connections = Vec::with_capacity(HERD);
    for _ in 0..HERD {
        connections.push(Connection::open(address).await.expect("a connection"));
    }
    connections
}

async fn ask_at_once(connections: Vec<Connection>, question: &[u8]) -> Vec<Verdict> {
    let mut herd = JoinSet::new();
    for mut connection in connections {
        let question = question.to_vec();
        herd.spawn(async move { connection.ask(&question).await.expect("an answer").verdict });
    }
    herd.join_all().await
}

fn a_herd_that_asks_for_the_same_key_costs_one_lookup() {
    let scene = Scene::with(Route::Direct, On::Shared, &[], PATIENT);
    let statements = Statements::of(&scene);
    let runtime = Runtime::new().expect("a runtime");
    let mut lookups = Vec::new();
    for key in plaintexts(&scene, HERDS) {
        // One runtime for both, because connections belong to the one that opened them.
        let connections = runtime.block_on(open(address_of_b(&scene)));
        let question = question(&key, Duration::ZERO);
        let herd = ask_at_once(connections, &question);
        let (verdicts, sent) = statements.during(|| runtime.block_on(herd));
        assert!(all_accepted(&verdicts), "{:?}", verdicts.first());
        println!(
            "cost: | lookups for {HERD} connections that ask for one cold key at once | {} |",
            sent.lookups()
        );
        lookups.push(sent.lookups());
    }
    // Who comes when the answer is there and is not remembered yet asks once more, which is rare.
    assert!(lookups.contains(&1) && lookups.iter().all(|lookups| *lookups <= 3), "{lookups:?}");
}
