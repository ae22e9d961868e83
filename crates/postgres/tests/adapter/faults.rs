//! A server that goes away and comes back: refused within a second, served again within two.

use std::time::{Duration, Instant};

use capykeys_conformance::fixtures;
use capykeys_domain::ports::{KeyLookup, Readiness, Unavailable};
use capykeys_postgres::{PostgresSettings, PostgresStore};
use capykeys_testkit::{Cluster, Proxy, shared};
use futures_util::future::join_all;
use tokio::{runtime::Runtime, time::sleep};

use crate::support::{database, migrated, store};

/// More callers at once than there are connections.
const CALLERS: usize = 40;
const REFUSED_WITHIN: Duration = Duration::from_secs(1);
const SERVED_WITHIN: Duration = Duration::from_secs(2);

async fn look_up(store: &PostgresStore) -> Result<(), Unavailable> {
    store.find_key_by_digest(&[fixtures::digest([1; 32])]).await.map(drop)
}

/// All connections of the pool are open and were just used.
async fn warm_up(store: &PostgresStore) {
    // What comes first may be refused on a busy machine, and finds the connections open then.
    join_all((0..CALLERS).map(|_| look_up(store))).await;
    served_again(store).await;
}

/// For the length of `outage`, many callers ask again and again, and each is refused in time.
async fn refused_in_time(store: &PostgresStore, outage: Duration) {
    let start = Instant::now();
    let caller = || async {
        let mut slowest = Duration::ZERO;
        while start.elapsed() < outage {
            let asked = Instant::now();
            look_up(store).await.unwrap_err();
            slowest = slowest.max(asked.elapsed());
            // A caller that is refused at once does not ask again at once.
            sleep(Duration::from_millis(20)).await;
        }
        slowest
    };
    let slowest = join_all((0..CALLERS).map(|_| caller())).await.into_iter().max().unwrap();
    assert!(slowest < REFUSED_WITHIN, "refused after {slowest:?}");
}

/// From now on at most that long until everybody is served.
async fn served_again(store: &PostgresStore) {
    let start = Instant::now();
    let caller = || async {
        loop {
            let outcome = look_up(store).await;
            let elapsed = start.elapsed();
            assert!(elapsed < SERVED_WITHIN, "after {elapsed:?}: {outcome:?}");
            if outcome.is_ok() {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    join_all((0..CALLERS).map(|_| caller())).await;
}

async fn own_server() -> (Cluster, PostgresStore) {
    let cluster = Cluster::start(true);
    let database = migrated(&cluster).await;
    let store = store(&PostgresSettings::new(cluster.url(&database)));
    warm_up(&store).await;
    (cluster, store)
}

async fn behind_proxy() -> (Proxy, PostgresStore) {
    let proxy = Proxy::start(shared().address()).await;
    let url = format!("postgres://postgres@{}/{}", proxy.address(), database().await);
    let store = store(&PostgresSettings::new(url));
    warm_up(&store).await;
    (proxy, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_stopped_and_started() {
    let (cluster, store) = own_server().await;
    cluster.stop();
    refused_in_time(&store, Duration::from_secs(2)).await;
    cluster.start_again();
    served_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_started() {
    let (cluster, store) = own_server().await;
    cluster.kill();
    refused_in_time(&store, Duration::from_secs(2)).await;
    cluster.start_again();
    served_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_for_ten_seconds() {
    let (cluster, store) = own_server().await;
    cluster.pause();
    refused_in_time(&store, Duration::from_secs(10)).await;
    cluster.resume();
    served_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_swallows_everything() {
    let (proxy, store) = behind_proxy().await;
    proxy.swallow(true);
    refused_in_time(&store, Duration::from_secs(3)).await;
    proxy.heal();
    served_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_is_cut() {
    let (proxy, store) = behind_proxy().await;
    proxy.cut();
    refused_in_time(&store, Duration::from_secs(2)).await;
    proxy.heal();
    served_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_lead_nowhere_while_new_ones_would_do() {
    let (proxy, store) = behind_proxy().await;
    proxy.forget();
    served_again(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_that_lead_nowhere_fail_nobody() {
    let (proxy, store) = behind_proxy().await;
    // Longer than a connection is taken to be alive without being asked.
    sleep(Duration::from_millis(1_200)).await;
    proxy.forget();
    look_up(&store).await.unwrap();
}

#[test]
fn connections_outlive_the_runtime_that_asked_for_them() {
    let connections = Runtime::new().unwrap();
    let single = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = single().block_on(database());
    let one = PostgresSettings { pool_size: 1, ..PostgresSettings::new(shared().url(&database)) };
    let store = PostgresStore::new(&one, connections.handle().clone()).unwrap();
    single().block_on(store.check_readiness()).unwrap();
    single().block_on(store.check_readiness()).unwrap();
}
