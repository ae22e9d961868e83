//! Somebody asks for keys that do not exist, without end.

use std::{net::SocketAddr, time::Instant};

use capykeys_tests::{
    on_one_store, process,
    verification::{Connection, Verdict, questions},
};
use serde_json::Value;
use tokio::{runtime::Runtime, task::JoinSet};

use super::{PATIENT, Statements, address_of_b, all_accepted, plaintexts, verdicts};
use crate::{
    random::Random,
    scene::{On, Route, Scene},
    settings,
};

on_one_store![postgresql: a_flood_of_unknown_keys_takes_no_memory_and_no_room_from_real_ones];

const LIVE: usize = 50;
/// The batches of the flood: how many at once, and how large.
const CONNECTIONS: u32 = 4;
const BATCH: u32 = 100;
/// By how much memory may grow in the flood: what the service remembers of such keys (65,536 times about
/// 100 bytes), and what its allocator keeps.
const ROOM: u64 = 32 << 20;
/// By how much it may still grow in the last nine tenths: had the flood no bound, by far more.
const ROOM_LATER: u64 = 16 << 20;

/// Asks for so many keys of which there are none.
async fn flood(address: SocketAddr, random: &mut Random, count: u32) {
    let mut flood = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut random = Random::new(random.next());
        flood.spawn(async move {
            let mut connection = Connection::open(address).await.expect("a connection");
            for _ in 0..count / BATCH / CONNECTIONS {
                let keys: Vec<String> = (0..BATCH).map(|_| random.key()).collect();
                refused(&mut connection, &questions(&keys)).await;
            }
        });
    }
    flood.join_all().await;
}

/// Asks until there is an answer, which must refuse every key.
async fn refused(connection: &mut Connection, question: &[u8]) {
    let body = loop {
        match connection.exchange(question).await.expect("an answer") {
            (200, body) => break body,
            // More than the database can do in time.
            (status, body) => assert_eq!(status, 503, "{}", String::from_utf8_lossy(&body)),
        }
    };
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    let results = body["results"].as_array().expect("results");
    assert_eq!(results.len(), BATCH as usize);
    assert!(
        results.iter().all(|result| Verdict::of(result) == Verdict::Refused("not_found".to_owned())),
        "{body}"
    );
}

fn a_flood_of_unknown_keys_takes_no_memory_and_no_room_from_real_ones() {
    let (count, remembered) = settings::unknown_keys();
    let remembered = remembered.to_string();
    let scene = Scene::with(
        Route::Direct,
        On::Shared,
        &[],
        &[&[("CACHE__ABSENT", remembered.as_str())], PATIENT].concat(),
    );
    let (address, pid) = (address_of_b(&scene), scene.b.pid());
    let live = plaintexts(&scene, LIVE);
    assert!(all_accepted(&verdicts(&scene, &live)));
    let runtime = Runtime::new().expect("a runtime");
    let mut random = Random::new(settings::seed());

    let start = Instant::now();
    let before = process::resident_memory(pid);
    runtime.block_on(flood(address, &mut random, count / 10));
    let early = process::resident_memory(pid);
    runtime.block_on(flood(address, &mut random, count - count / 10));
    let after = process::resident_memory(pid);
    let took = start.elapsed().as_secs_f64();
    println!(
        "cost: | resident memory before {count} unknown keys, after a tenth, after all | {}, {}, {} MiB |",
        before >> 20,
        early >> 20,
        after >> 20
    );
    println!(
        "cost: | unknown keys verified per second, in batches of {BATCH} | {:.0} |",
        f64::from(count) / took
    );
    assert!(after <= before + ROOM, "memory grew from {before} to {after} bytes");
    assert!(after <= early + ROOM_LATER, "memory goes on growing: from {early} to {after} bytes");

    let (still, sent) = Statements::of(&scene).during(|| verdicts(&scene, &live));
    assert!(all_accepted(&still), "{still:?}");
    assert_eq!(sent.count(), 0, "live keys were forgotten: {sent:?}");
}
