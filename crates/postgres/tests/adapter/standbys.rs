//! Synchronous replication: what no standby has was not done, and who is asked again finds out for himself.

use std::{pin::Pin, time::Duration};

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, Sequence, Suspension},
    ports::{
        FeedPosition, FeedProgress, KeyStore, OrganizationInsertion, Organizations, Readiness, ReplicaId,
        ReplicaRegistry, Unavailable,
    },
};
use capykeys_postgres::{PostgresSettings, PostgresStore};
use capykeys_testkit::Cluster;
use tokio::time::sleep;

use crate::{
    scene::{Scene, scene_at},
    support::{migrated, patient, store},
};

const REPLICA: ReplicaId = ReplicaId([3; 16]);
const LEASE: Duration = Duration::from_millis(500);

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
        self.scene.until_there_is("pg_stat_activity WHERE wait_event = 'SyncRep'").await;
        self.scene
            .run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            .await;
        asked.await.unwrap()
    }

    fn store(&self) -> PostgresStore {
        store(&patient(self.scene.url.clone()))
    }
}

/// An operation, without what it comes to.
type Asked = Pin<Box<dyn Future<Output = Result<(), Unavailable>> + Send>>;

fn asked<T>(operation: impl Future<Output = Result<T, Unavailable>> + Send + 'static) -> Asked {
    Box::pin(async { operation.await.map(drop) })
}

impl Scene {
    async fn until_there_is(&self, what: &str) {
        let count = format!("SELECT count(*) FROM {what}");
        while self.other.query_one(&count, &[]).await.unwrap().get::<_, i64>(0) == 0 {
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
        let store = [(); 5].map(|()| pair.scene.store.clone());
        let [revoking, inserting, creating, suspending, registering] = store;
        let (key, new, other, event) = (key.clone(), new.clone(), other.clone(), event.clone());
        let (id, suspension) = (organization.id, suspension.clone());
        let asked: [(&str, Asked); 5] = [
            ("revoke", asked(async move { revoking.revoke_key(fixtures::revoke(&key.key, at)).await })),
            (
                "insert",
                asked(async move { inserting.insert_key(new.clone(), fixtures::created(&new)).await }),
            ),
            ("create", asked(async move { creating.create_organization(other, event).await })),
            (
                "suspend",
                asked(async move {
                    suspending.set_suspension(fixtures::set_suspension(id, Some(suspension), at)).await
                }),
            ),
            ("register", asked(async move { registering.register_replica(REPLICA, LEASE).await })),
        ];
        for (operation, asked) in asked {
            let failed = pair.cancelled(asked).await.unwrap_err().to_string();
            assert!(
                failed.contains("the wait for its standby was cancelled"),
                "{operation} {round}: {failed}"
            );
        }
    }
    // A confirmation waits for nobody, and a read finds what is there.
    let position = FeedPosition { sequence: Sequence::START, mark: [0; 16], epoch: [0; 16] };
    pair.scene.store.confirm_progress(REPLICA, FeedProgress::from(position)).await.unwrap();
    let found = pair.store().find_key(organization.id, key.key.id).await.unwrap();
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
    pair.scene.until_there_is("pg_stat_activity WHERE wait_event = 'SyncRep'").await;
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while pair.scene.other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    pair.standby.resume();
}
