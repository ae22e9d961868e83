//! The primary stands still until a standby has taken its place, and then goes on as if nothing had
//! happened, while a proxy leads to both.

use std::time::Instant;

use capykeys_tests::on_one_store;

use super::{
    pair::{NEW, OLD, Pair},
    stand::{Stand, confusion},
};

on_one_store![postgresql: an_old_primary_that_goes_on_is_not_believed];

const KEYS: usize = 10;

fn an_old_primary_that_goes_on_is_not_believed() {
    let Pair { primary, standby, proxy, old, new: left, around } = Pair::synchronous();
    let mut stand = Stand::start(&old, [&around, &around]);
    stand.create(3 * KEYS);
    stand.settle();
    stand.revoke(1, &left);

    primary.pause();
    standby.promote();
    proxy.lead_to(&[NEW]);
    proxy.cut(OLD);
    // From here on both replicas have seen the new line of history.
    stand.settle();
    stand.create(KEYS);
    stand.revoke(KEYS, &left);

    primary.resume();
    proxy.lead_to(&[OLD, NEW]);
    let until = Instant::now() + confusion();
    while Instant::now() < until {
        // New connections go to both again.
        proxy.cut(NEW);
        proxy.cut(OLD);
        stand.create(2);
        stand.revoke(1, &left);
        // Which may be led to the old primary, and not know better.
        stand.revoke_as_operator();
    }
    proxy.lead_to(&[NEW]);
    proxy.cut(OLD);
    stand.settle();

    let scenario = "frozen primary goes on beside the new one";
    let tally = stand.conclude(scenario, &left);
    assert!(tally.accepted_after_delete == 0 && tally.refused_alive == 0 && tally.lost == 0, "{tally:?}");
}
