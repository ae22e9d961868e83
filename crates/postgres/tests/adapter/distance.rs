//! A server that is far away, and one that lets few in.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use capykeys_conformance::fixtures;
use capykeys_domain::ports::{KeyLookup, Readiness, Unavailable};
use capykeys_postgres::{PostgresSettings, PostgresStore, UrlSource};
use capykeys_testkit::{Cluster, Proxy, shared};
use futures_util::future::join_all;
use tokio::{runtime::Handle, time::sleep};
use tokio_postgres::NoTls;

use crate::support::{database, migrated, patient, store};

/// What the service gives an operation unless it is told otherwise.
const DEADLINE: Duration = Duration::from_millis(450);

/// Longer than opening a connection takes from far away.
const LIMIT: Duration = Duration::from_secs(10);

async fn look_up(store: &PostgresStore) -> Result<(), Unavailable> {
    store.find_key_by_digest(&[fixtures::digest([1; 32])]).await.map(drop)
}

/// Waits until a lookup succeeds.
async fn reached(store: &PostgresStore) {
    let start = Instant::now();
    while let Err(error) = look_up(store).await {
        assert!(start.elapsed() < LIMIT, "{error}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Runs statements as the server's owner.
async fn execute(cluster: &Cluster, statements: &str) {
    let (client, driver) = tokio_postgres::connect(&cluster.url("postgres"), NoTls).await.unwrap();
    let driver = tokio::spawn(driver);
    client.batch_execute(statements).await.unwrap();
    driver.abort();
}

/// A role of the service's rights in all databases, and the URL with which it comes.
async fn role(cluster: &Cluster, database: &str, name: &str, options: &str) -> String {
    execute(
        cluster,
        &format!("CREATE ROLE {name} LOGIN {options}; GRANT pg_read_all_data, pg_write_all_data TO {name}"),
    )
    .await;
    format!("postgres://{name}@{}/{database}", cluster.address())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_far_away_is_reached_and_stays_within_reach() {
    let proxy = Proxy::start(shared().address()).await;
    let url = format!("postgres://postgres@{}/{}", proxy.address(), database().await);
    for round_trip in [30, 120, 200] {
        proxy.move_away(Duration::from_millis(round_trip));
        let settings = PostgresSettings { deadline: DEADLINE, pool_size: 4, ..PostgresSettings::new(&url) };
        let store = store(&settings);
        reached(&store).await;
        // One that was idle for longer than a connection is taken to be alive without being asked.
        sleep(Duration::from_millis(1_200)).await;
        for _ in 0..3 {
            let outcome = look_up(&store).await;
            assert!(outcome.is_ok(), "{round_trip} ms away: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_there_for_the_next_where_one_has_waited_in_vain() {
    let proxy = Proxy::start(shared().address()).await;
    proxy.move_away(Duration::from_millis(100));
    let url = format!("postgres://postgres@{}/{}", proxy.address(), database().await);
    let settings = PostgresSettings {
        deadline: Duration::from_millis(250),
        pool_size: 1,
        ..PostgresSettings::new(&url)
    };
    let store = store(&settings);
    look_up(&store).await.unwrap_err();
    reached(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_gets_what_another_gives_back_while_the_server_lets_nobody_else_in() {
    let database = database().await;
    let url = role(shared(), &database, "two_at_a_time", "CONNECTION LIMIT 2").await;
    let store = store(&patient(url));
    for outcome in join_all((0..40).map(|_| look_up(&store))).await {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_without_a_connection_gets_one_that_another_does_not_use() {
    let database = database().await;
    let url = role(shared(), &database, "three_at_a_time", "CONNECTION LIMIT 3").await;
    let settings = patient(url);
    let first = store(&settings);
    let others = [(); 2].map(|()| first.beside(&settings, Handle::current()).unwrap());
    // As many as there may be.
    join_all((0..20).map(|_| look_up(&first))).await;
    for other in &others {
        look_up(other).await.unwrap();
    }
    look_up(&first).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_let_in_later_is_waited_for() {
    let database = database().await;
    let url = role(shared(), &database, "not_yet", "CONNECTION LIMIT 0").await;
    let store = store(&patient(url));
    let waiting = look_up(&store);
    let allowing = async {
        sleep(Duration::from_millis(300)).await;
        execute(shared(), "ALTER ROLE not_yet CONNECTION LIMIT 5").await;
    };
    let (outcome, ()) = tokio::join!(waiting, allowing);
    outcome.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_rotated_is_read_again() {
    let cluster = Cluster::start(false);
    let database = migrated(&cluster).await;
    execute(
        &cluster,
        "CREATE ROLE rotated LOGIN PASSWORD 'old'; GRANT pg_read_all_data, pg_write_all_data TO rotated;
         DO $$ BEGIN EXECUTE format(
             'COPY (VALUES (''host all rotated 127.0.0.1/32 scram-sha-256''), (''host all all 127.0.0.1/32 trust'')) TO %L',
             current_setting('hba_file')
         ); END $$;
         SELECT pg_reload_conf()",
    )
    .await;
    let url = |password: &str| format!("postgres://rotated:{password}@{}/{database}", cluster.address());
    let kept = Arc::new(Mutex::new(url("old")));
    let source = {
        let kept = Arc::clone(&kept);
        UrlSource::new(move || Some(kept.lock().unwrap().clone()))
    };
    let settings = PostgresSettings { url_source: Some(source), ..patient(url("old")) };
    let store = store(&settings);
    look_up(&store).await.unwrap();
    execute(&cluster, "ALTER ROLE rotated PASSWORD 'new'").await;
    // A server that has just seen a password it does not know is not asked for ever.
    kept.lock().unwrap().clone_from(&url("new"));
    cluster.stop();
    cluster.start_again();
    store.check_readiness().await.unwrap();
    assert!(!format!("{store:?} {settings:?}").contains("new"));
}
