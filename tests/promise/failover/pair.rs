//! A primary and its standby, and a proxy that leads to them.

use std::time::Duration;

use capykeys_testkit::{Balancer, Cluster};
use capykeys_tests::{settings::gateway, wait};

use crate::postgres::Session;

const LIMIT: Duration = Duration::from_mins(1);

/// The primary and the standby, by their numbers at the proxy.
pub(super) const OLD: usize = 0;
pub(super) const NEW: usize = 1;

/// With a database, which each of the URLs leads to.
pub(super) struct Pair {
    pub(super) primary: Cluster,
    pub(super) standby: Cluster,
    pub(super) proxy: Balancer,
    /// On the primary itself.
    pub(super) old: String,
    /// On the standby itself.
    pub(super) new: String,
    /// By way of the proxy.
    pub(super) around: String,
}

impl Pair {
    /// The primary acknowledges what the standby lacks.
    pub(super) fn asynchronous() -> Self {
        let primary = Cluster::start(true);
        let database = primary.create_database();
        let standby = Cluster::standby_of(&primary);
        let proxy = Balancer::start(&gateway("haproxy"), &[primary.address(), standby.address()]);
        let around = format!("postgres://postgres@{}/{database}", proxy.address());
        let (old, new) = (primary.url(&database), standby.url(&database));
        Self { primary, standby, proxy, old, new, around }
    }

    /// The primary acknowledges only what the standby has as well.
    pub(super) fn synchronous() -> Self {
        let pair = Self::asynchronous();
        pair.primary.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        let session = Session::open_patiently(&pair.primary.url("postgres"), LIMIT);
        session.run("SELECT pg_reload_conf()");
        wait::until("the standby is synchronous", LIMIT, || {
            let synchronous = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
            (session.row(synchronous, &[]).get::<_, i64>(0) == 1).then_some(())
        });
        pair
    }
}
