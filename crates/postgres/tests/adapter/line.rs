//! Which server is believed: the primary of the newest line of history that was seen.

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Renaming, Sequence, Suspension},
    ports::{
        AuditLog, ChangeFeed, EventLog, FeedPosition, FeedProgress, FeedQuery, KeyLookup, KeyStore, KeyUse,
        Limit, Organizations, Readiness, ReplicaId, ReplicaRegistry,
    },
};
use capykeys_postgres::PostgresStore;
use capykeys_testkit::Cluster;
use tokio::runtime::Handle;

use crate::{
    scene::{Scene, scene, scene_at},
    support::{migrated, patient, store},
};

const READER: ReplicaId = ReplicaId([7; 16]);
const OLD: &str = "the server does not have the newest history that was seen";
const STANDBY: &str = "the server is a standby";

/// Asks `store` everything that the ports have; every answer must be a refusal with `reason`.
async fn believes_nothing(store: &PostgresStore, scene: &Scene, reason: &str) {
    let (at, limit, id) = (fixtures::at(9), Limit::new(10).unwrap(), scene.organization.id);
    let (key, new) = (&scene.key, fixtures::key(id, at));
    let event = fixtures::event(AuditAction::SuspendOrganization, at, id, None);
    let suspension = Suspension { at, reason: None };
    let other = fixtures::organization_at_clerk(at, "org_other");
    let position = FeedPosition { sequence: Sequence::START, mark: [0; 16], epoch: [0; 16] };
    let progress = FeedProgress::from(position);
    let refusals = [
        ("check", store.check_readiness().await.err()),
        ("find_by_digest", store.find_key_by_digest(std::slice::from_ref(&key.digest)).await.err()),
        ("find a key", store.find_key(id, key.key.id).await.err()),
        ("list keys", store.list_keys(fixtures::all_keys(id)).await.err()),
        ("insert", store.insert_key(new.clone(), fixtures::created(&new)).await.err()),
        ("revoke", store.revoke_key(fixtures::revoke(&key.key, at)).await.err()),
        ("revoke many", store.revoke_keys(fixtures::revoke_many(id, [key.key.id], at)).await.err()),
        ("revoke a lineage", store.revoke_lineage(fixtures::revoke(&key.key, at), limit).await.err()),
        (
            "record_uses",
            store.record_uses(vec![KeyUse { key: key.key.id, at, with_previous: false }]).await.err(),
        ),
        ("find an organization", store.find_organization(id).await.err()),
        (
            "find_by_clerk_id",
            store.find_organization_by_external_id(&other.clerk.as_ref().unwrap().id).await.err(),
        ),
        ("list organizations", store.list_organizations(None, limit).await.err()),
        ("create", store.create_organization(other.clone(), event.clone()).await.err()),
        (
            "set_suspension",
            store.set_suspension(fixtures::set_suspension(id, Some(suspension.clone()), at)).await.err(),
        ),
        ("rename", store.rename_organization(fixtures::rename(id, Renaming::default(), at)).await.err()),
        ("append", store.append_event(event.clone()).await.err()),
        ("list events", store.list_events(fixtures::all_events(id)).await.err()),
        ("follow", store.follow_events(None, limit).await.err()),
        ("head", store.feed_head(READER).await.err()),
        ("poll", store.poll_changes(FeedQuery { reader: READER, after: position, limit }).await.err()),
        ("register", store.register_replica(READER, std::time::Duration::from_secs(1)).await.err()),
        ("confirm", store.confirm_progress(READER, progress).await.err()),
        ("registry", store.read_registry().await.err()),
        ("retire", store.retire_replica(READER, 1).await.err()),
        ("forget", store.forget_replica(READER, 1).await.err()),
    ];
    for (operation, refusal) in refusals {
        let refusal = refusal.unwrap_or_else(|| panic!("{operation} was answered")).to_string();
        assert!(refusal.contains(reason), "{operation}: {refusal}");
    }
}

/// How many rows there are of whatever [`believes_nothing`] would have written.
async fn rows(scene: &Scene) -> Vec<i64> {
    let mut counts = Vec::new();
    for table in ["api_keys", "organizations", "audit_events", "changes", "replicas", "history_lines"] {
        let count = format!("SELECT count(*) FROM {table}");
        counts.push(scene.other.query_one(&count, &[]).await.unwrap().get(0));
    }
    counts
}

/// It may be behind, or cut off from the primary for good. Whether its settings let a client connect is
/// no matter: a pooler's connection is chosen by the pooler.
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_answers_nothing() {
    let primary = Cluster::start(false);
    let database = migrated(&primary).await;
    let scene = scene_at(primary.url(&database)).await;
    let standby = Cluster::standby_of(&primary);
    standby.execute("postgres", "SELECT pg_wal_replay_pause()");
    let url = format!("{}?target_session_attrs=read-only", standby.url(&database));
    let fresh = store(&patient(url.clone()));
    believes_nothing(&fresh, &scene, STANDBY).await;
    let beside = scene.store.beside(&patient(url), Handle::current()).unwrap();
    believes_nothing(&beside, &scene, STANDBY).await;
}

/// Both are primaries, for themselves and for whoever asks them.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_primary_answers_nothing_once_the_new_one_was_seen() {
    let primary = Cluster::start(false);
    let database = migrated(&primary).await;
    let scene = scene_at(primary.url(&database)).await;
    let standby = Cluster::standby_of(&primary);
    standby.promote();
    let promoted = scene.store.beside(&patient(standby.url(&database)), Handle::current()).unwrap();
    let before = rows(&scene).await;
    scene.store.check_readiness().await.unwrap();
    promoted.check_readiness().await.unwrap();
    believes_nothing(&scene.store, &scene, OLD).await;
    assert_eq!(rows(&scene).await, before, "nothing was written there");
    // Also where it is started again, which begins another line of its own for whoever knows no better.
    primary.stop();
    primary.start_again();
    store(&patient(primary.url(&database))).check_readiness().await.unwrap();
    let scene = Scene { other: crate::scene::connect(&scene.url).await, ..scene };
    believes_nothing(&scene.store, &scene, OLD).await;
    promoted.check_readiness().await.unwrap();
}

/// A standby that followed the one that was promoted has its line, and takes over from it.
#[tokio::test(flavor = "multi_thread")]
async fn every_primary_that_comes_after_is_believed() {
    let mut primary = Cluster::start(false);
    let database = migrated(&primary).await;
    let mut store = store(&patient(primary.url(&database)));
    for _ in 0..2 {
        store.check_readiness().await.unwrap();
        primary.stop();
        primary.start_again();
        store.check_readiness().await.unwrap();
        let standby = Cluster::standby_of(&primary);
        primary.stop();
        standby.promote();
        store = store.beside(&patient(standby.url(&database)), Handle::current()).unwrap();
        store.check_readiness().await.unwrap();
        primary = standby;
    }
}

/// Whoever puts back an older state on purpose starts the service again.
#[tokio::test]
async fn an_older_state_that_was_put_back_is_believed_by_new_processes_alone() {
    let scene = scene().await;
    scene.run("UPDATE history_lines SET id = gen_random_uuid()").await;
    believes_nothing(&scene.store, &scene, OLD).await;
    store(&patient(scene.url.clone())).check_readiness().await.unwrap();
    scene.run("DELETE FROM history_lines").await;
    believes_nothing(&scene.store, &scene, OLD).await;
    assert_eq!(rows(&scene).await.last(), Some(&0), "nor does it begin a line there");
    store(&patient(scene.url.clone())).check_readiness().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_that_find_no_line_begin_one() {
    let scene = scene().await;
    scene.run("DELETE FROM history_lines").await;
    let stores: Vec<_> = (0..16).map(|_| store(&patient(scene.url.clone()))).collect();
    let checks = futures_util::future::join_all(stores.iter().map(Readiness::check_readiness)).await;
    assert!(checks.iter().all(Result::is_ok), "{checks:?}");
    let lines = scene.other.query_one("SELECT count(*) FROM history_lines", &[]).await.unwrap();
    assert_eq!(lines.get::<_, i64>(0), 1);
}
