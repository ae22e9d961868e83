//! A standby is promoted that lacks the last changes, as asynchronous replication allows.

use std::time::Duration;

use capykeys_tests::{on_one_store, wait};
use serde_json::json;

use super::pair::{NEW, Pair};
use crate::{
    postgres::Session,
    scene::{Owned, start},
};

on_one_store![postgresql: a_failover_that_loses_changes_is_told_of_and_empties_the_memory];

const LIMIT: Duration = Duration::from_mins(1);
const METRIC: &str = "capykeys_feed_lost_changes_total";

fn a_failover_that_loses_changes_is_told_of_and_empties_the_memory() {
    let Pair { primary, standby, proxy, old: direct, new, around } = Pair::asynchronous();
    let server = start(&direct, &around, &[]);
    let owned = Owned::create(&direct);
    let tenant = owned.on(&server);
    let body = json!({"name": "key", "scopes": ["jobs:read"]});
    let keys: Vec<_> = (0..3).map(|_| tenant.create(&body)).collect();
    let verdict = |key: usize| server.verify(&json!({"api_key": keys[key].plaintext}))["valid"] == true;

    let until = |url: &str, condition: &str| {
        let session = Session::open_patiently(url, LIMIT);
        let query = format!("SELECT {condition}");
        wait::until(condition, LIMIT, || session.row(&query, &[]).get::<_, bool>(0).then_some(()));
    };

    // The standby has the keys, and is away while two are revoked.
    until(&new, "(SELECT count(*) FROM api_keys WHERE name = 'key') = 3");
    standby.stop();
    for key in &keys[..2] {
        tenant.revocation(&tenant.admin, key.id()).send().expect(200);
    }
    until(
        &direct,
        "EXISTS (SELECT FROM replicas WHERE confirmed_sequence = (SELECT max(sequence) FROM changes))",
    );
    let late = tenant.create(&body);
    assert!(!verdict(0) && !verdict(1) && verdict(2));
    assert_eq!(server.metric(METRIC), Some(0.0));
    primary.kill();
    standby.start_again();
    standby.promote();
    proxy.lead_to(&[NEW]);

    server.says(LIMIT, "the change feed went back: the store has lost changes");
    wait::until("it is ready", LIMIT, || (server.get("/readyz").send().status == 200).then_some(()));
    assert_eq!(server.metric(METRIC), Some(2.0));
    assert!((0..3).all(verdict));
    assert_ne!(server.verify(&json!({"api_key": late.plaintext}))["valid"], true);
}
