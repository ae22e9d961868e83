//! The primary and one server are cut off from the rest, where a standby takes over. Nothing fences the old primary
//! off: it goes on, and answers whoever asks it.

use std::time::{Duration, Instant};

use capykeys_tests::on_one_store;

use super::{
    pair::{NEW, OLD, Pair},
    stand::Stand,
};
use crate::settings;

on_one_store![postgresql: a_server_that_is_left_with_the_old_primary_accepts_nothing_that_the_new_one_revoked];

const KEYS: usize = 8;

/// The servers: one finds the new primary, the other one is left with the old.
const RIGHT: usize = 0;
const LEFT: usize = 1;
const LATE: usize = 2;

fn a_server_that_is_left_with_the_old_primary_accepts_nothing_that_the_new_one_revoked() {
    for round in 1..=settings::splits() {
        // The old primary goes on for as long as this lasts.
        let Pair { primary: _primary, standby, proxy, old, new, around } = Pair::synchronous();
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
