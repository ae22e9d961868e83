//! `last_used_at` of the keys in a listing.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{
    Installation, Server, Store, Tenant, clock, on_every_store, on_one_store, postgres::database_url, wait,
};
use rustix::process::Signal;
use serde_json::Value;
use tokio::runtime::Builder;
use tokio_postgres::NoTls;

on_one_store![postgresql: a_hot_key_is_one_row_update_an_interval];

const LIMIT: Duration = Duration::from_secs(20);

on_every_store![
    it_is_the_time_of_the_last_use_and_left_out_before_the_first,
    a_use_right_before_sigterm_is_written,
    what_a_key_was_used_for_makes_no_difference,
];

fn server(store: Store, flush_interval: &str) -> Server {
    Server::start(&Arc::new(Installation::new(store).set("USAGE__FLUSH_INTERVAL", flush_interval)))
}

fn last_used_at(keys: &[Value], id: &str) -> Option<String> {
    let key = keys.iter().find(|key| key["id"] == id).expect("the key is listed");
    key.get("last_used_at").map(|time| time.as_str().expect("a time").to_owned())
}

/// How far the service's clock, which follows that of PostgreSQL, may be ahead of it.
const AHEAD: Duration = Duration::from_millis(200);

fn it_is_the_time_of_the_last_use_and_left_out_before_the_first(store: Store) {
    let server = server(store, "50ms");
    let acme = Tenant::new(&server);
    let (used, unused) = (acme.key_with(&["jobs:read"]), acme.key_with(&["jobs:read"]));
    assert_eq!(used.key.get("last_used_at"), None);
    // That the listing's own use is there tells that those before it are written.
    wait::until("the use is written", LIMIT, || last_used_at(&acme.list(), &acme.admin_id));
    assert_eq!(last_used_at(&acme.list(), used.id()), None);

    let mut last = None;
    for _ in 0..3 {
        let before = clock::now();
        assert!(acme.accepts(&used.plaintext));
        let after = clock::now();
        let shown = wait::until("the use is written", LIMIT, || {
            last_used_at(&acme.list(), used.id()).filter(|shown| Some(shown) != last.as_ref())
        });
        let time = clock::parse(&shown);
        assert!(before.truncate_to_microsecond() <= time && time <= after + AHEAD, "{before} {time} {after}");
        last = Some(shown);
    }
    assert_eq!(last_used_at(&acme.list(), unused.id()), None);
}

/// No interval ends while the server runs.
fn a_use_right_before_sigterm_is_written(store: Store) {
    let server = server(store, "1h");
    let acme = Tenant::new(&server);
    let keys: Vec<_> = (0..3).map(|_| acme.key_with(&["jobs:read"])).collect();
    for key in &keys {
        assert!(acme.accepts(&key.plaintext));
    }
    assert_eq!(last_used_at(&acme.list(), keys[0].id()), None);
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0), "{}", server.log.text());

    let listed = server.installation().json(&["keys", "list", "--organization", &acme.id]);
    let listed = listed["api_keys"].as_array().unwrap();
    let times: Vec<_> =
        keys.iter().map(|key| last_used_at(listed, key.id()).expect("the use is written")).collect();
    assert!(times.is_sorted_by_key(|time| clock::parse(time)), "{times:?}");
    assert!(last_used_at(listed, &acme.admin_id).is_some());
}

/// A refusal by the policy is a use too; a key that is refused itself is none.
fn what_a_key_was_used_for_makes_no_difference(store: Store) {
    let server = server(store, "50ms");
    let acme = Tenant::new(&server);
    let (powerless, revoked) = (acme.key_with(&["jobs:read"]), acme.key_with(&["jobs:read"]));
    acme.revoke(revoked.id());
    acme.listing(&revoked.plaintext).send().error(401);
    acme.listing(&powerless.plaintext).send().error(403);
    wait::until("the use is written", LIMIT, || last_used_at(&acme.list(), powerless.id()));
    assert_eq!(last_used_at(&acme.list(), revoked.id()), None);
}

/// PostgreSQL counts the rows that were updated; a key in use all the time is one row an interval.
fn a_hot_key_is_one_row_update_an_interval() {
    const INTERVAL: Duration = Duration::from_millis(500);
    let url = database_url();
    let interval = format!("{}ms", INTERVAL.as_millis());
    let installation = Installation::on_postgres(&url).set("USAGE__FLUSH_INTERVAL", &interval);
    let start = Instant::now();
    let server = Server::start(&Arc::new(installation));
    let acme = Tenant::new(&server);
    let (stop, requests) = (AtomicBool::new(false), AtomicI64::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    assert!(acme.accepts(&acme.admin));
                    requests.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut times = BTreeSet::new();
        wait::until("four intervals have ended", LIMIT, || {
            times.extend(last_used_at(&acme.list(), &acme.admin_id));
            (times.len() >= 4).then_some(())
        });
        stop.store(true, Ordering::Relaxed);
    });
    server.signal(Signal::TERM);
    assert_eq!(server.wait_for_exit(LIMIT).code(), Some(0));
    let intervals = i64::try_from(start.elapsed().as_millis() / INTERVAL.as_millis()).unwrap();

    let updates = wait::until("the counts are in", LIMIT, || updated_rows(&url));
    assert!(updates >= 4, "{updates}");
    let requests = requests.into_inner();
    assert!(updates <= intervals + 1, "{updates} updates in {intervals} intervals and at the end");
    assert!(requests > 4 * updates, "{requests} requests are no traffic");
}

/// How many rows of keys were updated since the database was made; `None` while others are connected: a
/// connection hands in its counts at its end.
fn updated_rows(url: &str) -> Option<i64> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        let count = "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'api_keys' \
            AND (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) = 1";
        client.query_opt(count, &[]).await.unwrap().map(|row| row.get(0))
    })
}
