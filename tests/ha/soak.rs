//! All faults, over and over.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use capykeys_tests::{driver::Sample, settings::number, verification::Verdict};
use reqwest::blocking::{Client, Response};
use serde_json::{Value, json};

use crate::{
    fault::Fault,
    judge::Seen,
    ledger::Known,
    report,
    round::{self, Left},
    work::Front,
    world::{World, network},
};

/// As many as one request may ask for.
const BATCH: usize = 100;
/// So many lines of each log are told.
const TOLD: usize = 60;

/// What is wrong, if anything is.
#[derive(Default)]
struct Verdicts {
    wrong: Vec<String>,
    left: Vec<Left>,
}

#[test]
#[ignore = "takes minutes to hours, and needs root, Patroni, etcd and a network of its own: make soak-ha"]
fn nothing_is_lost_and_nobody_let_in_while_the_database_fails_over() {
    let rounds = number("CAPYKEYS_TEST_HA_ROUNDS", 1_usize);
    let filter = number("CAPYKEYS_TEST_HA_FAULT", String::new());
    let faults: Vec<_> =
        Fault::ALL.into_iter().filter(|fault| format!("{fault:?}").contains(&filter)).collect();
    assert!(!faults.is_empty(), "no such fault: {filter}");
    if rounds == 0 {
        return println!("{}", report::table());
    }
    let network = network();
    let mut verdicts = Verdicts::default();
    let mut world = Some(World::start(&network));
    for round in 0..rounds {
        for &fault in &faults {
            // One that did not come back is of no use for the next fault.
            let mut current = world.take().unwrap_or_else(|| World::start(&network));
            if verdicts.note(&mut current, fault, round) {
                world = Some(current);
            } else {
                network.mend();
            }
        }
    }
    if let Some(world) = &world {
        verdicts.look_once_more(world);
    }
    println!("{}", report::table());
    assert!(verdicts.wrong.is_empty(), "{}", verdicts.wrong.join("\n"));
}

impl Verdicts {
    /// Goes through one round; whether the world is well after it.
    fn note(&mut self, world: &mut World<'_>, fault: Fault, number: usize) -> bool {
        let result = catch_unwind(AssertUnwindSafe(|| round::run(world, fault, number)));
        let (record, left) = match result {
            Ok(Ok(all)) => all,
            Ok(Err(reason)) => return self.never(world, fault, number, &reason),
            Err(_) => return self.never(world, fault, number, "a panic"),
        };
        let line = record.json(number);
        println!("{line}");
        report::add(&line);
        if record.seen.is_wrong() || !record.is_in_time() {
            tell_logs(world);
            self.wrong.push(format!("{}, round {number}: {line}", fault.name()));
        }
        self.left.push(left);
        true
    }

    fn never(&mut self, world: &World<'_>, fault: Fault, number: usize, reason: &str) -> bool {
        let what = format!("{}, round {number}: {reason}", fault.name());
        println!("{what}");
        tell_logs(world);
        self.wrong.push(what);
        // Its keys are gone with it.
        self.left.clear();
        false
    }

    /// Asks every server for every key of all rounds, and lists them.
    fn look_once_more(&mut self, world: &World<'_>) {
        let mut seen = Seen::default();
        let http = Client::builder().no_proxy().build().expect("a client");
        for left in &self.left {
            for ((number, server), front) in world.servers.iter().enumerate().zip(&world.fronts()) {
                for keys in left.keys.chunks(BATCH) {
                    seen.judge(keys, number, &verdicts(&http, *front, keys));
                }
                seen.judge_listings(&left.keys, &left.accounts, server);
            }
        }
        println!("at the end: {seen:?}");
        if seen.is_wrong() {
            self.wrong.push(format!("at the end: {seen:?}"));
        }
    }
}

/// What a server says of each of these keys.
fn verdicts(http: &Client, server: Front, keys: &[Known]) -> Vec<Sample> {
    let questions: Vec<_> = keys.iter().map(|key| json!({"api_key": key.plaintext})).collect();
    let call = http.post(format!("http://{}/v1/api-keys/verify-batch", server.verifier));
    let sent = Instant::now();
    let body = json!({"verifications": questions}).to_string();
    let answer = call.header("content-type", "application/json").body(body).send().and_then(Response::bytes);
    let answer: Value = serde_json::from_slice(&answer.expect("an answer")).expect("JSON");
    let results = answer["results"].as_array().expect("results");
    assert_eq!(results.len(), keys.len());
    let sample =
        |(key, result)| Sample { key, sent, came: Instant::now(), verdict: Some(Verdict::of(result)) };
    results.iter().enumerate().map(sample).collect()
}

/// What went on in the cluster and the servers, for a round that was not as it ought to be.
fn tell_logs(world: &World<'_>) {
    for node in world.cluster.nodes() {
        println!("node {node}: {:?}\n{}", world.cluster.state(node), end_of(&world.cluster.log(node)));
    }
    for (number, server) in world.servers.iter().enumerate() {
        println!("server {number}:\n{}", end_of(&server.log.text()));
    }
}

/// The last lines of a log.
fn end_of(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(TOLD)..].join("\n")
}
