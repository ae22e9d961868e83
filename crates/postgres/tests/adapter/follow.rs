//! Following the audit log beside transactions that end late, or never, or otherwise than they began.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{Actor, AuditAction, AuditOutcome, AuditRecord},
    ports::{AuditLog, EventLag, EventLog, EventPosition, EventQuery, Followed, KeyStore, Limit},
};
use capykeys_postgres::{PostgresStore, migrate};
use capykeys_testkit::{Cluster, shared};
use futures_util::future::join_all;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::{
    scene::{Scene, connect, scene, scene_at},
    support::{migrated, patient, store},
};

/// As servers write it that do not know the eighth migration.
const OLD: &str = "INSERT INTO audit_events \
    (at, action, outcome, actor_kind, actor_id, organization_id, key_id, request_id, peer) \
    SELECT now(), 'api_keys.create', 'done', 'operator', NULL, gen_random_uuid(), NULL, 'old', NULL";

/// More often than any gap has to be looked at.
const OFTEN: usize = 10;

/// A reader of the log.
struct Reader {
    store: PostgresStore,
    position: Option<EventPosition>,
    lag: EventLag,
}

impl Reader {
    fn new(store: &PostgresStore) -> Self {
        Self { store: store.clone(), position: None, lag: EventLag { numbers: 0, oldest: None } }
    }

    /// What it is told next.
    async fn next(&mut self) -> Vec<AuditRecord> {
        let told = self.store.follow_events(self.position, Limit::new(50).unwrap()).await.unwrap();
        let Followed::Events { events, position, expired, lag } = told else { panic!("{told:?}") };
        assert!(!expired && events.is_sorted_by(|a, b| a.sequence < b.sequence));
        (self.position, self.lag) = (Some(position), lag);
        events
    }

    /// The numbers of so many events.
    async fn take(&mut self, count: usize) -> Vec<i64> {
        let mut told = Vec::new();
        while told.len() < count {
            told.extend(self.next().await.into_iter().map(|one| one.sequence.get()));
        }
        assert_eq!(told.len(), count, "{told:?}");
        told
    }

    /// However often it asks, it is told nothing, and that something waits.
    async fn waits(&mut self) {
        for _ in 0..OFTEN {
            assert_eq!(self.next().await, []);
            assert!(self.lag.numbers > 0 && self.lag.oldest.is_some(), "{:?}", self.lag);
        }
    }

    /// Where it is told to go on.
    async fn diverged(&self) -> EventPosition {
        let told = self.store.follow_events(self.position, Limit::new(50).unwrap()).await.unwrap();
        let Followed::Diverged(position) = told else { panic!("{told:?}") };
        position
    }
}

/// A scene whose events a reader has taken.
async fn read_scene() -> (Scene, Reader) {
    let scene = scene().await;
    let mut reader = Reader::new(&scene.store);
    reader.take(2).await;
    (scene, reader)
}

async fn write(scene: &Scene) {
    let event = fixtures::event(AuditAction::ListKeys, fixtures::at(3), scene.organization.id, None);
    scene.store.append_event(event).await.unwrap();
}

async fn numbers(client: &Client) -> Vec<i64> {
    let rows = client.query("SELECT sequence FROM audit_events ORDER BY sequence", &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn an_event_that_commits_late_is_waited_for_and_told_in_its_order() {
    for begin in ["BEGIN", "BEGIN; SAVEPOINT s", "BEGIN ISOLATION LEVEL SERIALIZABLE"] {
        let (scene, mut reader) = read_scene().await;
        scene.run(begin).await;
        scene.run(&format!("{OLD}; {OLD} FROM generate_series(1, 3)")).await;
        write(&scene).await;
        reader.waits().await;
        scene.run("COMMIT").await;
        reader.take(5).await;
        assert_eq!(reader.lag, EventLag { numbers: 0, oldest: None });
    }
}

#[tokio::test]
async fn a_number_whose_transaction_has_ended_without_it_is_passed() {
    for end in [
        "ROLLBACK",
        "ROLLBACK TO s",
        "ROLLBACK TO s; UPDATE organizations SET name = 'Held'",
        // In the middle of what they do.
        "SELECT pg_terminate_backend(pg_backend_pid())",
    ] {
        let (scene, mut reader) = read_scene().await;
        let other = connect(&scene.url).await;
        other.batch_execute("BEGIN; SAVEPOINT s").await.unwrap();
        other.batch_execute(OLD).await.unwrap();
        write(&scene).await;
        reader.waits().await;
        let _ = other.batch_execute(end).await;
        reader.take(1).await;
    }
}

/// Its id is higher than any that a snapshot calls ended, so to whoever waits until all have ended that a snapshot
/// does not count to the future, its number is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_began_after_the_last_that_has_ended_is_waited_for() {
    // Of its own: nobody else has a transaction open.
    let cluster = Cluster::start(false);
    let scene = scene_at(cluster.url(&migrated(&cluster).await)).await;
    let mut reader = Reader::new(&scene.store);
    reader.take(2).await;
    let snapshot = async |part: &str| {
        let query = format!("SELECT pg_snapshot_{part}(pg_current_snapshot())::text::bigint");
        scene.other.query_one(&query, &[]).await.unwrap().get::<_, i64>(0)
    };
    let (early, late) = (connect(&scene.url).await, connect(&scene.url).await);
    early.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    scene.run("SELECT pg_current_xact_id()").await;
    late.batch_execute(&format!("BEGIN; {OLD}")).await.unwrap();
    early.batch_execute(&format!("{OLD}; COMMIT")).await.unwrap();
    let at_first_sight = snapshot("xmax").await;
    reader.waits().await;
    scene.run("SELECT pg_current_xact_id()").await;
    assert!(snapshot("xmin").await >= at_first_sight, "to them all have ended that were open then");
    reader.waits().await;
    late.batch_execute("COMMIT").await.unwrap();
    reader.take(2).await;
}

/// Whoever does not write into the log holds nobody up, whatever else is left open.
#[tokio::test]
async fn transactions_of_other_tables_and_other_databases_hold_nobody_up() {
    let (scene, mut reader) = read_scene().await;
    let elsewhere = connect(&shared().url("postgres")).await;
    elsewhere.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.unwrap();
    let beside = connect(&scene.url).await;
    let read_and_write = "BEGIN; SELECT FROM audit_events; UPDATE organizations SET name = 'Held'";
    beside.batch_execute(read_and_write).await.unwrap();
    scene.run(&format!("BEGIN; {OLD}; ROLLBACK")).await;
    write(&scene).await;
    reader.take(1).await;
}

/// What is put back by its number has not drawn it.
#[tokio::test]
async fn a_number_that_was_put_there_by_hand_decides_nothing_about_those_below_it() {
    let (scene, mut reader) = read_scene().await;
    let restored = OLD
        .replace("(at,", "(sequence, at,")
        .replace("SELECT now()", "OVERRIDING SYSTEM VALUE SELECT 1000, now()");
    scene.run(&restored).await;
    reader.waits().await;
    write(&scene).await;
    assert_eq!(reader.take(1).await, [3]);
    reader.waits().await;
    migrate(&patient(scene.url.clone())).await.unwrap();
    assert_eq!(reader.take(1).await, [1000]);
    write(&scene).await;
    assert_eq!(reader.take(1).await, [1001]);
}

/// Also where the server is started again meanwhile. That costs a reader nothing that it has read.
#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_transaction_is_waited_for() {
    let cluster = Cluster::start_with(true, "max_prepared_transactions = 4");
    let scene = scene_at(cluster.url(&migrated(&cluster).await)).await;
    let mut reader = Reader::new(&scene.store);
    reader.take(2).await;
    scene.run(&format!("BEGIN; {OLD}")).await;
    write(&scene).await;
    reader.waits().await;
    scene.run("PREPARE TRANSACTION 'late'").await;
    reader.waits().await;

    cluster.stop();
    cluster.start_again();
    let before = reader.position.unwrap();
    let place = reader.diverged().await;
    assert_eq!(place.sequence, before.sequence);
    assert_ne!(place.epoch, before.epoch);
    reader.position = Some(place);
    reader.waits().await;
    let other = connect(&scene.url).await;
    other.batch_execute("COMMIT PREPARED 'late'").await.unwrap();
    // The restart has taken some numbers with it.
    write(&scene).await;
    reader.take(3).await;
}

/// Numbers after those that both servers know are given to other events.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_failover_a_reader_goes_on_behind_the_last_event_that_was_not_lost() {
    let primary = Cluster::start(false);
    let database = migrated(&primary).await;
    let scene = scene_at(primary.url(&database)).await;
    let mut reader = Reader::new(&scene.store);
    let shared = reader.take(2).await;
    let standby = Cluster::standby_of(&primary);
    standby.execute("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
    standby.execute("postgres", "SELECT pg_reload_conf()");
    let senders = "SELECT count(*) FROM pg_stat_replication";
    while scene.other.query_one(senders, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let early = reader.position;
    for _ in 0..40 {
        write(&scene).await;
    }
    reader.take(40).await;
    primary.kill();
    standby.promote();

    let promoted = store(&patient(standby.url(&database)));
    reader.store = promoted.clone();
    let place = reader.diverged().await;
    assert_eq!(place.sequence.get(), shared[1]);
    let event = fixtures::event(AuditAction::ListKeys, fixtures::at(4), scene.organization.id, None);
    promoted.append_event(event.clone()).await.unwrap();
    let lost = reader.position.unwrap().sequence.get();
    reader.position = Some(place);
    let told = reader.take(1).await;
    assert!(told[0] <= lost, "the number is another event's: {told:?}");
    // One that had read less before goes on where it was.
    let mut behind = Reader { position: early, ..Reader::new(&promoted) };
    behind.position = Some(behind.diverged().await);
    assert_eq!(behind.take(1).await, told);
}

#[tokio::test]
async fn what_servers_of_the_version_before_write_is_read_as_it_is_meant() {
    let (scene, mut reader) = read_scene().await;
    scene.run(&format!("{OLD}; {}", OLD.replace("'done'", "'denied'"))).await;
    let told = reader.next().await;
    for (record, outcome) in told.iter().zip([AuditOutcome::Done, AuditOutcome::Denied]) {
        let event = &record.event;
        assert_eq!((&event.action, &event.outcome), (&AuditAction::CreateKey, &outcome));
        assert_eq!((event.details.iter().count(), event.occurrences.get()), (0, 1));
    }
}

#[tokio::test]
async fn what_later_versions_write_is_shown_as_it_is() {
    let (scene, mut reader) = read_scene().await;
    scene
        .run(
            "ALTER TABLE audit_events DROP CONSTRAINT audit_events_outcome_check, \
             DROP CONSTRAINT audit_events_actor_kind_check",
        )
        .await;
    let later = |details: &str| {
        format!(
            "INSERT INTO audit_events (at, action, outcome, actor_kind, actor_id, organization_id, request_id, details) \
             SELECT now(), 'api_key.rotated', 'half', 'robot', 'r2', id, 'new', '{details}' FROM organizations"
        )
    };
    scene.run(&later(r#"{"name": "CI", "of": {"a": [1]}, "nothing": null}"#)).await;
    for odd in ["[1, 2]", "\"text\"", "null", "{}"] {
        scene.run(&later(odd)).await;
    }
    let listed = scene
        .store
        .list_events(EventQuery {
            after: fixtures::sequence(2),
            ..fixtures::all_events(scene.organization.id)
        })
        .await
        .unwrap();
    assert_eq!(reader.next().await, listed);
    let event = &listed[0].event;
    assert_eq!(event.action.name(&event.outcome), "api_key.rotated");
    assert_eq!(event.outcome.as_str(), "half");
    assert_eq!(event.actor, Actor::Other { kind: "robot".to_owned(), id: Some("r2".to_owned()) });
    assert_eq!(event.details.iter().collect::<Vec<_>>(), [("name", "CI"), ("of", r#"{"a":[1]}"#)]);
    assert_eq!(listed[1..].iter().map(|one| one.event.details.iter().count()).sum::<usize>(), 0);
}

#[tokio::test]
async fn what_is_taken_out_by_hand_is_told_too() {
    let (scene, mut reader) = read_scene().await;
    write(&scene).await;
    write(&scene).await;
    scene.run("DELETE FROM audit_events WHERE sequence = 3").await;
    let told = scene.store.follow_events(reader.position, Limit::new(9).unwrap()).await.unwrap();
    assert!(matches!(told, Followed::Events { expired: true, .. }), "{told:?}");
    scene.run("DELETE FROM audit_events WHERE sequence > 1000").await;
    reader.position = reader.position.map(|place| EventPosition { sequence: fixtures::sequence(3), ..place });
    reader.take(1).await;
}

/// What one of the writers does with the numbers that it draws.
async fn write_wildly(scene_url: String, writer: usize, rounds: usize) -> Option<Client> {
    let client = connect(&scene_url).await;
    for round in 0..rounds {
        let held = std::time::Duration::from_millis(((writer * 7 + round * 3) % 11) as u64);
        let (statement, end) = match (writer + round) % 6 {
            0 => (OLD.to_owned(), "COMMIT"),
            1 => (OLD.to_owned(), "ROLLBACK"),
            2 => (format!("SAVEPOINT s; {OLD}; ROLLBACK TO s; {OLD}"), "COMMIT"),
            3 => (format!("{OLD} FROM generate_series(1, 5)"), "COMMIT"),
            4 => (format!("{OLD}; SAVEPOINT s; {OLD} FROM generate_series(1, 2)"), "ROLLBACK TO s; COMMIT"),
            _ => (format!("SELECT pg_current_xact_id(); {OLD}"), "COMMIT"),
        };
        client.batch_execute(&format!("BEGIN; {statement}")).await.unwrap();
        tokio::time::sleep(held).await;
        client.batch_execute(end).await.unwrap();
    }
    // One in four is left in the middle.
    if writer.is_multiple_of(4) {
        client.batch_execute(&format!("BEGIN; {OLD}")).await.unwrap();
        return Some(client);
    }
    None
}

/// Reads until it has the last number after everybody has ended.
fn follow(store: PostgresStore, ended: Arc<AtomicBool>) -> JoinHandle<Vec<i64>> {
    tokio::spawn(async move {
        let (mut reader, mut told) = (Reader::new(&store), Vec::new());
        loop {
            let last = ended.load(Ordering::SeqCst);
            told.extend(reader.next().await.into_iter().map(|one| one.sequence.get()));
            if last && reader.lag.numbers == 0 {
                return told;
            }
        }
    })
}

/// Beside servers that write as usual, with readers in two processes, two of them in one.
async fn none_is_missed(rounds: usize) {
    let scene = scene().await;
    let ended = Arc::new(AtomicBool::new(false));
    let other = store(&patient(scene.url.clone()));
    let readers = [&scene.store, &scene.store, &other].map(|store| follow(store.clone(), Arc::clone(&ended)));
    let wild = (0..16).map(|writer| tokio::spawn(write_wildly(scene.url.clone(), writer, rounds)));
    let wild: Vec<_> = wild.collect();
    let usual = (0..4_i64).map(|_| {
        let (store, organization) = (scene.store.clone(), scene.organization.id);
        tokio::spawn(async move {
            for micros in 0..i64::try_from(rounds).unwrap() {
                let new = fixtures::key(organization, fixtures::at(micros));
                let _ = store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap();
                let _ = store.insert_key(new.clone(), fixtures::created(&new)).await.unwrap();
            }
        })
    });
    let usual: Vec<_> = usual.collect();
    for outcome in join_all(usual).await {
        outcome.unwrap();
    }
    let idle: Vec<_> = join_all(wild).await.into_iter().filter_map(Result::unwrap).collect();
    assert_eq!(idle.len(), 4);
    // The readers have read on beside the four that are left open; two end well, and two do not.
    for (index, client) in idle.iter().enumerate() {
        client.batch_execute(if index % 2 == 0 { "COMMIT" } else { "ROLLBACK" }).await.unwrap();
    }
    write(&scene).await;
    ended.store(true, Ordering::SeqCst);
    let stored = numbers(&scene.other).await;
    for reader in readers {
        let told = reader.await.unwrap();
        let known: HashSet<i64> = told.iter().copied().collect();
        let missed: Vec<_> = stored.iter().filter(|number| !known.contains(number)).collect();
        assert!(missed.is_empty(), "missed of {}: {missed:?}", stored.len());
        assert_eq!(told, stored, "in one order, each once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_what_sixteen_writers_commit_hold_open_and_roll_back_none_is_missed() {
    none_is_missed(12).await;
}

/// The same at length: `cargo test -- --ignored`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes"]
async fn of_what_sixteen_writers_commit_at_length_none_is_missed() {
    none_is_missed(600).await;
}
