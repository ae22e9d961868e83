//! What it costs that registrations are renewed: measured, not asserted.
//! `cargo test -p capykeys-postgres --test adapter cost -- --ignored --nocapture`

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use capykeys_cache::{CacheSettings, CachedStore, LONGEST_REGISTRATION, VerificationCache};
use capykeys_domain::ports::ReplicaId;
use capykeys_postgres::PostgresSettings;
use tokio::{runtime::Handle, time::sleep};
use tokio_postgres::Client;

use crate::{
    standbys::Pair,
    support::{patient, store},
};

const MEASURED: Duration = Duration::from_secs(20);

/// Transactions, and entries in the log that were synced to the disk.
const COUNTS: &str =
    "SELECT (SELECT sum(xact_commit) FROM pg_stat_database)::bigint, wal_sync FROM pg_stat_wal";

/// In hundredths of a second, of all processes of the server.
async fn cpu(other: &Client) -> u64 {
    let rows = other.query("SELECT pid FROM pg_stat_activity", &[]).await.unwrap();
    let of = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // Behind the name: `utime` and `stime`, see proc(5).
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).flat_map(str::parse::<u64>).sum::<u64>()
    };
    rows.iter().map(|row| of(row.get(0))).sum()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures for two minutes"]
async fn cost_of_registrations_at_3_and_100_replicas() {
    let pair = Pair::start().await;
    let other = &pair.scene.other;
    for replicas in [3_u8, 100] {
        for registration in [Duration::from_hours(24), LONGEST_REGISTRATION] {
            let settings = PostgresSettings { pool_size: 32, ..patient(pair.scene.url.clone()) };
            let ports = Arc::new(store(&settings));
            let following: Vec<_> = (0..replicas)
                .map(|number| {
                    let store =
                        CachedStore { lookup: ports.clone(), feed: ports.clone(), registry: ports.clone() };
                    let settings = CacheSettings { registration, ..CacheSettings::default() };
                    VerificationCache::new(settings, ReplicaId([number; 16]), store).spawn(&Handle::current())
                })
                .collect();
            sleep(Duration::from_secs(5)).await;
            let counts = async || {
                let row = other.query_one(COUNTS, &[]).await.unwrap();
                (row.get::<_, i64>(0), row.get::<_, i64>(1), cpu(other).await, Instant::now())
            };
            let (commits, syncs, before, start) = counts().await;
            sleep(MEASURED).await;
            let (commits_after, syncs_after, after, end) = counts().await;
            let seconds = (end - start).as_secs_f64();
            #[expect(clippy::cast_precision_loss, clippy::print_stdout, reason = "figures")]
            {
                println!(
                    "registrations: | {replicas} | {registration:?} | {:.1} transactions/s | {:.2} syncs/s | {:.1} ms/s |",
                    (commits_after - commits) as f64 / seconds,
                    (syncs_after - syncs) as f64 / seconds,
                    (after - before) as f64 * 10.0 / seconds,
                );
            }
            drop(following);
            sleep(Duration::from_secs(1)).await;
            pair.scene.run("DELETE FROM replicas").await;
        }
    }
}
