//! The change feed, in what PostgreSQL alone can do wrong: transactions that commit in another
//! order than they began in, or not at all, and standbys.

use std::{collections::HashSet, sync::Arc, time::Duration};

use capykeys_cache::{CacheSettings, CachedStore, VerificationCache};
use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::AuditAction,
    ports::{
        Change, ChangeFeed, FeedPosition, FeedQuery, KeyLookup, KeyResolver, KeyStore, Limit, NewKey, Poll,
        ReplicaId, RevokeKey,
    },
};
use capykeys_postgres::PostgresStore;
use capykeys_testkit::Cluster;
use futures_util::future::join_all;
use tokio::{
    runtime::Handle,
    time::{sleep, timeout},
};

use crate::{
    scene::{Scene, scene, scene_at},
    support::{migrated, patient, store},
};

/// Nobody who is registered.
pub(crate) const READER: ReplicaId = ReplicaId([0; 16]);

/// What is told after `position`, which must not have diverged, and the position then.
pub(crate) async fn told(store: &PostgresStore, position: &FeedPosition) -> (Vec<Change>, FeedPosition) {
    match store
        .poll_changes(FeedQuery { reader: READER, after: *position, limit: Limit::new(1_000).unwrap() })
        .await
        .unwrap()
    {
        Poll::Changes { changes, position, complete, .. } => {
            assert!(complete);
            (changes, position)
        }
        Poll::Diverged(head) => panic!("{position:?} diverged from {head:?}"),
    }
}

pub(crate) async fn diverged(store: &PostgresStore, position: &FeedPosition) -> bool {
    matches!(
        store
            .poll_changes(FeedQuery { reader: READER, after: *position, limit: Limit::new(1_000).unwrap() })
            .await
            .unwrap(),
        Poll::Diverged(_)
    )
}

pub(crate) async fn end(store: &PostgresStore) -> FeedPosition {
    store.feed_head(READER).await.unwrap().position
}

impl Scene {
    async fn another_key(&self, micros: i64) -> NewKey {
        let key = fixtures::key(self.organization.id, fixtures::at(micros));
        let _ = self.store.insert_key(key.clone(), fixtures::created(&key)).await.unwrap();
        key
    }

    async fn revoke_now(&self, key: &NewKey) {
        let at = fixtures::at(9);
        let _ = self.store.revoke_key(fixtures::revoke(&key.key, at)).await.unwrap();
    }
}

#[tokio::test]
async fn whatever_changes_a_verdict_is_told_and_nothing_else_is() {
    let scene = scene().await;
    let key = Change::Key(scene.key.key.id);
    let organization = Change::Organization(scene.organization.id);
    let mut position = end(&scene.store).await;
    for (statement, expected) in [
        ("UPDATE api_keys SET name = 'Other', last_used_at = now()", None),
        ("UPDATE api_keys SET scopes = scopes, expires_at = expires_at, revoked_at = revoked_at", None),
        ("UPDATE api_keys SET expires_at = '2030-01-01Z'", Some(key)),
        ("UPDATE api_keys SET scopes = ARRAY['jobs:read']", Some(key)),
        ("UPDATE api_keys SET project_id = 'p'", Some(key)),
        ("UPDATE api_keys SET digest = sha256('x')", Some(key)),
        ("UPDATE api_keys SET revoked_at = now()", Some(key)),
        ("UPDATE api_keys SET revoked_at = NULL", Some(key)),
        ("UPDATE organizations SET name = 'Other', updated_at = now()", None),
        ("UPDATE organizations SET suspended_at = now()", Some(organization)),
        ("UPDATE organizations SET suspended_at = NULL", Some(organization)),
        ("UPDATE organizations SET clerk_organization_id = 'org_2new'", Some(organization)),
        ("UPDATE organizations SET clerk_organization_id = NULL", Some(organization)),
        ("DELETE FROM api_keys", Some(key)),
        ("DELETE FROM organizations", Some(organization)),
    ] {
        scene.run(statement).await;
        let (changes, next) = told(&scene.store, &position).await;
        assert_eq!(changes, Vec::from_iter(expected), "{statement}");
        position = next;
    }
    scene.run("TRUNCATE organizations CASCADE").await;
    assert!(diverged(&scene.store, &position).await);
    let start = end(&scene.store).await;
    assert_eq!(told(&scene.store, &start).await.0, []);
}

/// A newer server has told it, of whatever.
#[tokio::test]
async fn a_kind_of_change_that_is_not_known_concerns_all_that_it_can() {
    let scene = scene().await;
    let unchecked = ["changes_kind_check", "changes_check", "changes_check1"];
    for constraint in unchecked {
        scene.run(&format!("ALTER TABLE changes DROP CONSTRAINT {constraint}")).await;
    }
    let organization = Change::Organization(scene.organization.id);
    for (key, of, expected) in [
        ("NULL", "id", Some(organization)),
        ("id", "id", Some(organization)),
        ("id", "NULL", None),
        ("NULL", "NULL", None),
    ] {
        let start = end(&scene.store).await;
        scene
            .run(&format!(
                "INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at) \
                 SELECT feed_end() + 1, uuid_send(gen_random_uuid()), 'policy', {key}, {of}, clock_timestamp() \
                 FROM organizations"
            ))
            .await;
        match expected {
            Some(change) => assert_eq!(told(&scene.store, &start).await.0, [change], "{key}, {of}"),
            None => assert!(diverged(&scene.store, &start).await, "{key}, {of}"),
        }
        let next = end(&scene.store).await;
        scene.run("UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) + interval '1 day'").await;
        assert_eq!(told(&scene.store, &next).await.0, [Change::Key(scene.key.key.id)], "read on from there");
    }
}

/// A reader below the oldest open transaction would be told nothing for as long.
#[tokio::test]
async fn an_unrelated_open_transaction_holds_nothing_back() {
    let scene = scene().await;
    let start = end(&scene.store).await;
    scene.run("BEGIN; UPDATE organizations SET name = 'Other'").await;
    scene.revoke_now(&scene.key).await;
    assert_eq!(told(&scene.store, &start).await.0, [Change::Key(scene.key.key.id)]);
    scene.run("COMMIT").await;
    assert_eq!(told(&scene.store, &start).await.0, [Change::Key(scene.key.key.id)]);
}

/// Nobody takes a number after one that is not committed, so no reader goes past it.
#[tokio::test]
async fn a_revocation_that_commits_late_is_not_passed_by_a_later_one() {
    for (ending, first_is_told) in [("COMMIT", true), ("ROLLBACK", false)] {
        let scene = scene().await;
        let start = end(&scene.store).await;
        let second = scene.another_key(2).await;
        let first =
            format!("BEGIN; UPDATE api_keys SET revoked_at = now() WHERE id <> '{}'", second.key.id.uuid());
        scene.run(&first).await;
        let (store, revoked) = (scene.store.clone(), second.key.clone());
        let revoking = tokio::spawn(async move {
            store.revoke_key(fixtures::revoke(&revoked, fixtures::at(9))).await.unwrap()
        });
        scene.until_it_waits().await;
        assert_eq!(told(&scene.store, &start).await, (vec![], start));
        // Those who revoke nothing do not wait.
        let third = scene.another_key(3).await;
        assert!(scene.store.find_key_by_digest(&[third.digest]).await.unwrap().is_some());

        scene.run(ending).await;
        assert!(revoking.await.unwrap().unwrap().newly);
        let mut expected = vec![Change::Key(second.key.id)];
        if first_is_told {
            expected.insert(0, Change::Key(scene.key.key.id));
        }
        let (changes, position) = told(&scene.store, &start).await;
        assert_eq!(changes, expected, "{ending}");
        assert_eq!(position.sequence.since(start.sequence), expected.len() as u64);
    }
}

#[tokio::test]
async fn the_last_hundred_thousand_events_are_kept_and_what_is_older_diverges() {
    let scene = scene().await;
    let start = end(&scene.store).await;
    let many = "INSERT INTO changes SELECT 99999, mark, 'key', gen_random_uuid(), gen_random_uuid(), at FROM changes";
    scene.run(many).await;
    scene.revoke_now(&scene.key).await;
    assert_eq!(told(&scene.store, &start).await.0[1..], [Change::Key(scene.key.key.id)]);
    let kept = end(&scene.store).await;
    let second = scene.another_key(2).await;
    scene.revoke_now(&second).await;
    assert!(diverged(&scene.store, &start).await);
    assert_eq!(told(&scene.store, &kept).await.0, [Change::Key(second.key.id)]);
}

#[tokio::test]
async fn the_stores_time_is_the_servers_and_not_that_of_the_last_event() {
    let scene = scene().await;
    let now = || async {
        let micros = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
        scene.other.query_one(micros, &[]).await.unwrap().get::<_, i64>(0)
    };
    let before = now().await;
    let head = scene.store.feed_head(READER).await.unwrap();
    let poll = scene
        .store
        .poll_changes(FeedQuery { reader: READER, after: head.position, limit: Limit::new(1).unwrap() })
        .await
        .unwrap();
    let after = now().await;
    let Poll::Changes { store_time, .. } = poll else { panic!("{poll:?}") };
    for time in [head.store_time, store_time] {
        assert!((before..=after).contains(&time.unix_micros()), "{before} {time} {after}");
    }
}

async fn until(condition: impl Fn() -> bool) {
    let wait = async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_mins(1), wait).await.unwrap();
}

/// What the primary committed last is lost, and the standby takes the same numbers again. A reader
/// that has not heard of what was lost may have read it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_standby_is_another_history_for_every_reader() {
    let primary = Cluster::start(false);
    let database = migrated(&primary).await;
    let scene = scene_at(primary.url(&database)).await;
    let (lost, late) = (scene.another_key(2).await, scene.another_key(3).await);
    scene.revoke_now(&scene.key).await;
    let shared = end(&scene.store).await;

    let standby = Cluster::standby_of(&primary);
    let other = store(&patient(standby.url(&database)));
    other.feed_head(READER).await.unwrap_err();
    // Not even one whose settings let it connect.
    let reader = store(&patient(format!("{}?target_session_attrs=read-only", standby.url(&database))));
    let (head, poll) = (
        reader.feed_head(READER).await,
        reader.poll_changes(FeedQuery { reader: READER, after: shared, limit: Limit::new(1).unwrap() }).await,
    );
    for error in [head.unwrap_err(), poll.unwrap_err()] {
        assert!(error.to_string().contains(": the server is a standby"), "{error}");
    }
    standby.execute("postgres", "ALTER SYSTEM SET primary_conninfo = ''");
    standby.execute("postgres", "SELECT pg_reload_conf()");
    let senders = "SELECT count(*) FROM pg_stat_replication";
    while scene.other.query_one(senders, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        sleep(Duration::from_millis(5)).await;
    }
    scene.revoke_now(&lost).await;
    let read = end(&scene.store).await;
    assert_eq!(told(&scene.store, &shared).await, (vec![Change::Key(lost.key.id)], read));

    let both = format!("postgres://postgres@{},{}/{database}", primary.address(), standby.address());
    let both = Arc::new(store(&patient(both)));
    let cache = VerificationCache::new(
        CacheSettings::default(),
        ReplicaId([1; 16]),
        CachedStore { lookup: both.clone(), feed: both.clone(), registry: both },
    );
    let _polling = cache.spawn(&Handle::current());
    until(|| cache.lease_remaining().is_some()).await;
    assert!(cache.resolve(std::slice::from_ref(&lost.digest), Duration::ZERO).await.unwrap().found.is_some());
    assert_eq!(cache.status().keys, 1);

    primary.kill();
    standby.promote();
    assert!(diverged(&other, &read).await, "a number that the standby has not reached");
    assert!(diverged(&other, &shared).await, "an event that it has");
    until(|| cache.status().keys == 0).await;
    let at = fixtures::at(9);
    let _ = other.revoke_key(fixtures::revoke(&late.key, at)).await.unwrap().unwrap();
    assert_eq!(end(&other).await.sequence, read.sequence, "the number is taken again");
    assert!(diverged(&other, &read).await);
    let promoted = FeedPosition { epoch: end(&other).await.epoch, ..shared };
    assert_eq!(told(&other, &promoted).await.0, [Change::Key(late.key.id)]);
}

/// It may have lost what was not on its disk yet, or have got its files from a copy.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_started_again_is_another_history() {
    let cluster = Cluster::start(false);
    let store = store(&patient(cluster.url(&migrated(&cluster).await)));
    let before = end(&store).await;
    assert_eq!(told(&store, &before).await, (vec![], before));
    cluster.stop();
    cluster.start_again();
    let after = end(&store).await;
    assert_eq!((after.sequence, after.mark), (before.sequence, before.mark));
    assert!(diverged(&store, &before).await);
}

/// With the same numbers and marks.
#[tokio::test]
async fn a_feed_that_was_put_back_from_a_dump_is_another_history() {
    let scene = scene().await;
    scene.revoke_now(&scene.key).await;
    let before = end(&scene.store).await;
    scene.run("CREATE TABLE dump AS TABLE changes; TRUNCATE changes; INSERT INTO changes TABLE dump").await;
    assert!(diverged(&scene.store, &before).await);
}

/// Both begin with the event that they were copied with.
#[tokio::test]
async fn a_copy_of_a_database_is_another_history() {
    let (one, other) = (scene().await, scene().await);
    let (position, copied) = (end(&one.store).await, end(&other.store).await);
    assert_eq!((position.sequence, position.mark), (copied.sequence, copied.mark));
    assert!(diverged(&other.store, &position).await);
}

/// As the conformance suite does it, at length: `cargo test -- --ignored`.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "takes minutes"]
async fn of_sixteen_times_five_thousand_revocations_none_is_missed() {
    none_missed(5_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixteen_times_fifty_revocations_none_is_missed_beside_an_open_transaction() {
    none_missed(50).await;
}

async fn none_missed(each: usize) {
    let scene = scene().await;
    let ids = scene.many_keys(i64::try_from(16 * each).unwrap()).await;
    scene.run("BEGIN; UPDATE organizations SET name = 'Other'").await;

    let mut position = end(&scene.store).await;
    let writers = ids.chunks(each).map(|share| {
        let (store, organization, share) = (scene.store.clone(), scene.organization.id, share.to_vec());
        tokio::spawn(async move {
            for id in share {
                let at = fixtures::at(9);
                let event = fixtures::event(AuditAction::RevokeKey, at, organization, Some(id));
                let _ = store.revoke_key(RevokeKey { organization, id, at, event }).await.unwrap().unwrap();
            }
        })
    });
    let writers = tokio::spawn(join_all(writers.collect::<Vec<_>>()));
    let mut read = Vec::new();
    loop {
        let last = writers.is_finished();
        let poll = scene
            .store
            .poll_changes(FeedQuery { reader: READER, after: position, limit: Limit::new(1_000).unwrap() })
            .await
            .unwrap();
        let Poll::Changes { changes, position: next, complete, .. } = poll else { panic!("{poll:?}") };
        read.extend(changes);
        position = next;
        if last && complete {
            break;
        }
    }
    for outcome in writers.await.unwrap() {
        outcome.unwrap();
    }
    assert_eq!(read.len(), ids.len());
    assert_eq!(HashSet::<Change>::from_iter(read), ids.into_iter().map(Change::Key).collect());
}
