//! The primary stands still until a standby has taken its place, and then goes on as if nothing had
//! happened, while a proxy leads to both.

use std::time::{Duration, Instant};

use capykeys_testkit::{Balancer, Cluster};
use capykeys_tests::{on_one_store, settings::gateway, wait};

use super::stand::{Stand, confusion};
use crate::postgres::Session;

on_one_store![postgresql: an_old_primary_that_goes_on_is_not_believed];

const LIMIT: Duration = Duration::from_mins(1);
const KEYS: usize = 10;

/// The primary and the standby, by their numbers at the proxy.
const OLD: usize = 0;
const NEW: usize = 1;

/// From now on the primary acknowledges what the standby has as well.
pub(super) fn synchronize(primary: &Cluster) {
    primary.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
    let session = Session::open_patiently(&primary.url("postgres"), LIMIT);
    session.run("SELECT pg_reload_conf()");
    wait::until("the standby is synchronous", LIMIT, || {
        let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        (session.row(synchronous, &[]).get::<_, i64>(0) == 1).then_some(())
    });
}

fn an_old_primary_that_goes_on_is_not_believed() {
    let primary = Cluster::start(true);
    let database = primary.create_database();
    let standby = Cluster::standby_of(&primary);
    synchronize(&primary);
    let proxy = Balancer::start(&gateway("haproxy"), &[primary.address(), standby.address()]);
    let around = format!("postgres://postgres@{}/{database}", proxy.address());
    let mut stand = Stand::start(&primary.url(&database), [&around, &around]);
    let left = standby.url(&database);
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
