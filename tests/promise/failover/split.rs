//! The primary and one server are cut off from the rest, where a standby takes over. Nothing fences the old primary
//! off: it goes on, and answers whoever asks it.

use std::time::{Duration, Instant};

use capykeys_testkit::{Balancer, Cluster};
use capykeys_tests::{on_one_store, settings::gateway};

use super::{frozen::synchronize, stand::Stand};
use crate::settings;

on_one_store![postgresql: a_server_that_is_left_with_the_old_primary_accepts_nothing_that_the_new_one_revoked];

const KEYS: usize = 8;

/// The primary and the standby, by their numbers at the proxy.
const OLD: usize = 0;
const NEW: usize = 1;

/// The servers: one finds the new primary, the other one is left with the old.
const RIGHT: usize = 0;
const LEFT: usize = 1;
const LATE: usize = 2;

fn a_server_that_is_left_with_the_old_primary_accepts_nothing_that_the_new_one_revoked() {
    for round in 1..=settings::splits() {
        let primary = Cluster::start(true);
        let database = primary.create_database();
        let standby = Cluster::standby_of(&primary);
        synchronize(&primary);
        let proxy = Balancer::start(&gateway("haproxy"), &[primary.address(), standby.address()]);
        let around = format!("postgres://postgres@{}/{database}", proxy.address());
        let (old, new) = (primary.url(&database), standby.url(&database));
        let mut stand = Stand::start(&old, [&around, &old]);
        stand.create(KEYS);
        stand.settle();
        stand.revoke_by(RIGHT, &new);

        standby.promote();
        let promoted = Instant::now();
        proxy.lead_to(&[NEW]);
        proxy.cut(OLD);
        // One more that has never seen anything but the old primary.
        stand.add(&old, &old);
        stand.revoke_by(RIGHT, &new);
        let answered = promoted.elapsed();
        for _ in 2..KEYS - 1 {
            stand.revoke_by(RIGHT, &new);
        }
        stand.until_silent(LEFT);
        stand.until_silent(LATE);

        let scenario = format!("split {round}");
        println!("split: | {round} | {} ms |", answered.as_millis());
        let tally = stand.conclude(&scenario, &new);
        assert!(tally.accepted_after_delete == 0 && tally.refused_alive == 0 && tally.lost == 0, "{tally:?}");
        assert!(answered > Duration::from_secs(1), "nobody was waited for: {answered:?}");
    }
}
