//! Synchronous replication: what no standby has was not done, and who is asked again finds out for himself.

use std::{pin::Pin, time::Duration};

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Sequence, Suspension},
    ports::{
        AuditLog, FeedPosition, FeedProgress, Import, KeyStore, Limit, OrganizationInsertion, Organizations,
        PepperRegistry, Readiness, ReplicaId, ReplicaRegistry, StoredRows, Unavailable, WholeStore,
    },
    secret::{PepperCheck, PepperId},
};
use capykeys_postgres::PostgresSettings;
use capykeys_testkit::Cluster;
use tokio::{runtime::Handle, time::sleep};

use crate::{
    scene::{Scene, connect, scene_at},
    support::{migrated, patient, store},
};

const REPLICA: ReplicaId = ReplicaId([3; 16]);
const LEASE: Duration = Duration::from_millis(500);
/// Commits that wait for the standby.
const WAITING: &str = "pg_stat_activity WHERE wait_event = 'SyncRep'";

/// A primary whose commits wait for a standby that can be paused.
pub(crate) struct Pair {
    primary: Cluster,
    standby: Cluster,
    pub(crate) scene: Scene,
}

impl Pair {
    pub(crate) async fn start() -> Self {
        let primary = Cluster::start(true);
        let database = migrated(&primary).await;
        let standby = Cluster::standby_of(&primary);
        let scene = scene_at(primary.url(&database)).await;
        primary.execute("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
        primary.execute("postgres", "SELECT pg_reload_conf()");
        scene.until_there_is("pg_stat_replication WHERE sync_state = 'sync'").await;
        Self { primary, standby, scene }
    }

    /// What comes of an operation whose wait for the standby, which is paused, is cancelled.
    async fn cancelled(&self, operation: Asked) -> Result<(), Unavailable> {
        let asked = tokio::spawn(operation);
        while !asked.is_finished() && self.scene.count(WAITING).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        self.scene
            .run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            .await;
        asked.await.unwrap()
    }
}

/// An operation, without what it comes to.
type Asked = Pin<Box<dyn Future<Output = Result<(), Unavailable>> + Send>>;

fn asked<T>(operation: impl Future<Output = Result<T, Unavailable>> + Send + 'static) -> Asked {
    Box::pin(async { operation.await.map(drop) })
}

impl Scene {
    async fn count(&self, what: &str) -> i64 {
        self.other.query_one(&format!("SELECT count(*) FROM {what}"), &[]).await.unwrap().get(0)
    }

    async fn until_there_is(&self, what: &str) {
        while self.count(what).await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Each is asked, fails because its commit has reached no standby, and is asked again: it may find that all is done
/// already, and must not say so before a standby has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_wait_for_a_standby_is_cancelled_has_failed_and_so_has_the_next_that_finds_it() {
    let pair = Pair::start().await;
    let (at, organization, key) = (fixtures::at(9), pair.scene.organization.clone(), pair.scene.key.clone());
    let new = fixtures::key(organization.id, at);
    let other = fixtures::organization_at_clerk(at, "org_other");
    let event = fixtures::event(AuditAction::CreateOrganization, at, other.id, None);
    let suspension = Suspension { at, reason: None };
    pair.standby.pause();
    for round in 0..2 {
        let store = [(); 10].map(|()| pair.scene.store.clone());
        let [
            many,
            lineage,
            revoking,
            inserting,
            changing,
            confirming,
            creating,
            suspending,
            registering,
            announcing,
        ] = store;
        let pepper = PepperCheck { id: PepperId::parse("2").unwrap(), value: [2; 32] };
        let (key, new, other, event) = (key.clone(), new.clone(), other.clone(), event.clone());
        let (id, suspension) = (organization.id, suspension.clone());
        let disabled = fixtures::disabled(&new.key, at);
        let change = fixtures::change(&new.key, &disabled, at);
        let same = fixtures::change(&disabled, &disabled, at);
        let (revocation, of_many) =
            (fixtures::revoke(&key.key, at), fixtures::revoke_many(id, [new.key.id], at));
        let asked: [(&str, Asked); 10] = [
            ("revoke", asked(async move { revoking.revoke_key(fixtures::revoke(&key.key, at)).await })),
            (
                "insert",
                asked(async move { inserting.insert_key(new.clone(), fixtures::created(&new)).await }),
            ),
            ("change", asked(async move { changing.change_key(change).await })),
            ("confirm", asked(async move { confirming.change_key(same).await })),
            ("create", asked(async move { creating.create_organization(other, event).await })),
            (
                "suspend",
                asked(async move {
                    suspending.set_suspension(fixtures::set_suspension(id, Some(suspension), at)).await
                }),
            ),
            ("many", asked(async move { many.revoke_keys(of_many).await })),
            ("lineage", asked(async move { lineage.revoke_lineage(revocation, Limit::MAX).await })),
            ("register", asked(async move { registering.register_replica(REPLICA, LEASE).await })),
            ("announce", asked(async move { announcing.announce_peppers(REPLICA, vec![pepper]).await })),
        ];
        for (operation, asked) in asked {
            let Err(failed) = pair.cancelled(asked).await else { panic!("{operation} {round}: done") };
            let failed = failed.to_string();
            assert!(
                failed.contains("the wait for its standby was cancelled"),
                "{operation} {round}: {failed}"
            );
        }
    }
    // A confirmation waits for nobody, and a read finds what is there.
    let position = FeedPosition { sequence: Sequence::START, mark: [0; 16], epoch: [0; 16] };
    pair.scene.store.confirm_progress(REPLICA, FeedProgress::from(position)).await.unwrap();
    let found = pair.scene.store.find_key(organization.id, key.key.id).await.unwrap();
    assert!(found.unwrap().revoked_at.is_some(), "it is visible");

    pair.standby.resume();
    let revoked = pair.scene.store.revoke_key(fixtures::revoke(&key.key, at)).await.unwrap().unwrap();
    assert!(!revoked.newly);
    let stored = pair.scene.store.create_organization(other.clone(), event.clone()).await.unwrap();
    assert_eq!(stored, OrganizationInsertion::Stored(other));
    pair.scene.store.register_replica(REPLICA, LEASE).await.unwrap();
    pair.primary.execute("postgres", "ALTER SYSTEM RESET synchronous_standby_names");
    pair.primary.execute("postgres", "SELECT pg_reload_conf()");
}

/// Nor does the server fill up with commits that nobody waits for any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_given_up_does_not_wait_for_ever() {
    let pair = Pair::start().await;
    let settings = PostgresSettings {
        connect_timeout: Duration::from_secs(1),
        ..PostgresSettings::new(pair.scene.url.clone())
    };
    let hasty = store(&settings);
    hasty.check_readiness().await.unwrap();
    pair.standby.pause();
    let failed = hasty.register_replica(REPLICA, LEASE).await.unwrap_err();
    assert!(failed.to_string().contains("no answer in time"), "{failed}");
    pair.scene.until_there_is(WAITING).await;
    while pair.scene.count(WAITING).await > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    pair.standby.resume();
}

/// An old primary whose standbys have gone over to another would else renew registrations by commits of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_stay_waits_for_a_standby_whatever_the_database_is_set_to() {
    let pair = Pair::start().await;
    let (at, id) = (fixtures::at(9), pair.scene.organization.id);
    let event = fixtures::event(AuditAction::SuspendOrganization, at, id, None);
    for setting in ["off", "local", "remote_write", "remote_apply"] {
        let database = pair.scene.url.rsplit('/').next().unwrap();
        let set = format!("ALTER DATABASE {database} SET synchronous_commit = {setting}");
        pair.primary.execute("postgres", &set);
        let store = store(&PostgresSettings::new(pair.scene.url.clone()));
        // Until the connections are there, and the line is settled.
        while store.check_readiness().await.is_err() {}
        let new = fixtures::key(id, at);
        let [changed, same] = [1, 2].map(|second| fixtures::key(id, fixtures::at(second)));
        for stored in [&changed, &same] {
            let _ = store.insert_key(stored.clone(), fixtures::created(stored)).await.unwrap();
        }
        let change = fixtures::change(&changed.key, &fixtures::disabled(&changed.key, at), at);
        let other = fixtures::organization_at_clerk(at, &format!("org_{setting}"));
        let check = PepperCheck { id: PepperId::parse("2").unwrap(), value: [2; 32] };
        pair.standby.pause();
        let told = [
            ("register", store.register_replica(REPLICA, LEASE).await.is_ok()),
            ("revoke", store.revoke_key(fixtures::revoke(&pair.scene.key.key, at)).await.is_ok()),
            ("many", store.revoke_keys(fixtures::revoke_many(id, [pair.scene.key.key.id], at)).await.is_ok()),
            (
                "lineage",
                store.revoke_lineage(fixtures::revoke(&pair.scene.key.key, at), Limit::MAX).await.is_ok(),
            ),
            ("insert", store.insert_key(new.clone(), fixtures::created(&new)).await.is_ok()),
            ("confirm", store.change_key(fixtures::change(&same.key, &same.key, at)).await.is_ok()),
            ("create", store.create_organization(other, event.clone()).await.is_ok()),
            ("suspend", store.set_suspension(fixtures::set_suspension(id, None, at)).await.is_ok()),
            ("append", store.append_event(event.clone()).await.is_ok()),
            ("announce", store.announce_peppers(REPLICA, vec![check]).await.is_ok()),
        ];
        let told: Vec<_> = told.iter().filter(|(_, told)| *told).collect();
        assert!(told.is_empty(), "{setting}: {told:?}");
        pair.standby.resume();
        // It would wait for the revocation's end, and not for the standby.
        while pair.scene.count(WAITING).await > 0 || store.check_readiness().await.is_err() {
            sleep(Duration::from_millis(5)).await;
        }
        pair.standby.pause();
        assert!(store.change_key(change).await.is_err(), "{setting}: change");
        pair.standby.resume();
    }
}

/// B is promoted and no standby follows yet: the row that begins its line can be seen, since nobody waits for it any
/// more. If B dies then, who takes over has everything but that row.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_no_standby_has_is_not_followed() {
    let pair = Pair::start().await;
    let database = pair.scene.url.rsplit('/').next().unwrap();
    // Started again, which begins a line as well as a promotion does.
    pair.standby.pause();
    pair.primary.kill();
    pair.primary.start_again();
    let other = connect(&pair.scene.url).await;
    let running = pair.scene.store.beside(&PostgresSettings::new(pair.scene.url.clone()), Handle::current());
    let (running, id) = (running.unwrap(), pair.scene.organization.id);
    let lines = "SELECT count(*) FROM history_lines";
    let before: i64 = other.query_one(lines, &[]).await.unwrap().get(0);
    while other.query_one(lines, &[]).await.unwrap().get::<_, i64>(0) == before {
        running.find_organization(id).await.unwrap_err();
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        other.query(cancel, &[]).await.unwrap();
    }
    // Also by one that was just started.
    let fresh = store(&PostgresSettings::new(pair.scene.url.clone()));
    for store in [&running, &fresh, &running] {
        // Which changes nothing, and would be no commit.
        store.forget_replica(REPLICA, 1).await.unwrap_err();
        store.find_organization(id).await.unwrap_err();
        store.read_registry().await.unwrap_err();
    }
    pair.primary.kill();
    pair.standby.resume();
    pair.standby.promote();
    for store in [running, fresh] {
        let promoted = store.beside(&patient(pair.standby.url(database)), Handle::current()).unwrap();
        promoted.find_organization(id).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_filled_in_are_not_stored_before_a_standby_has_them() {
    let pair = Pair::start().await;
    let filled = store(&patient(pair.primary.url(&migrated(&pair.primary).await)));
    let mut import: Box<dyn Import> = filled.begin_import().await.unwrap().unwrap();
    pair.standby.pause();
    let rows = StoredRows::Organizations(vec![pair.scene.organization.clone()]);
    let failed = pair.cancelled(asked(async move { import.import_rows(rows).await })).await;
    let failed = failed.unwrap_err().to_string();
    assert!(failed.contains("the wait for its standby was cancelled"), "{failed}");
    pair.standby.resume();
}
