//! A store with a key in it, and another connection to its database.

use std::time::Duration;

use capykeys_conformance::fixtures;
use capykeys_domain::{
    model::{AuditAction, KeyId, Organization},
    ports::{AuditLog, Insertion, KeyStore, NewKey, Organizations, Revocation},
};
use capykeys_postgres::PostgresStore;
use capykeys_testkit::shared;
use tokio::{task::JoinHandle, time::sleep};
use tokio_postgres::{Client, NoTls};

use crate::support::{database, patient, store};

pub(crate) struct Scene {
    /// Of the database.
    pub(crate) url: String,
    pub(crate) store: PostgresStore,
    pub(crate) other: Client,
    pub(crate) organization: Organization,
    pub(crate) key: NewKey,
}

/// A store with a key, and another connection to its database.
pub(crate) async fn scene() -> Scene {
    scene_at(shared().url(&database().await)).await
}

/// The same in this database, which is migrated.
pub(crate) async fn scene_at(url: String) -> Scene {
    let store = store(&patient(url.clone()));
    let other = connect(&url).await;
    let organization = fixtures::organization(fixtures::at(0));
    let event =
        fixtures::event(AuditAction::CreateOrganization, organization.created_at, organization.id, None);
    let _ = store.create_organization(organization.clone(), event.clone()).await.unwrap();
    let key = fixtures::key(organization.id, fixtures::at(1));
    let _ = store.insert_key(key.clone(), fixtures::created(&key)).await.unwrap();
    Scene { url, store, other, organization, key }
}

pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

impl Scene {
    pub(crate) async fn run(&self, statement: &str) {
        self.other.batch_execute(statement).await.unwrap();
    }

    /// Stores so many keys for each organization.
    pub(crate) async fn many_keys(&self, each: i64) -> Vec<KeyId> {
        let keys = "INSERT INTO api_keys (id, organization_id, name, key_prefix, scopes, source, created_at, \
                pepper_id, digest) \
            SELECT gen_random_uuid(), id, 'CI', 'capy', ARRAY['jobs:read'], 'api', now(), '1', \
                sha256(gen_random_uuid()::text::bytea) \
            FROM organizations, generate_series(1, $1::bigint) RETURNING id";
        let rows = self.other.query(keys, &[&each]).await.unwrap();
        rows.iter().map(|row| KeyId::from_uuid(row.get(0))).collect()
    }

    /// Until the store's statement waits for a lock of the other connection.
    pub(crate) async fn until_it_waits(&self) {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while self.other.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn revoke(&self) -> JoinHandle<Option<Revocation>> {
        let (store, key) = (self.store.clone(), self.key.key.clone());
        let at = fixtures::at(9);
        tokio::spawn(async move { store.revoke_key(fixtures::revoke(&key, at)).await.unwrap() })
    }

    /// Inserts the key, which must wait until the other transaction commits.
    pub(crate) async fn insert_while_waiting(&self, key: NewKey) -> Insertion {
        let store = self.store.clone();
        let inserting =
            tokio::spawn(
                async move { store.insert_key(key.clone(), fixtures::created(&key)).await.unwrap() },
            );
        self.until_it_waits().await;
        self.run("COMMIT").await;
        inserting.await.unwrap()
    }

    pub(crate) async fn events(&self) -> usize {
        self.store.list_events(fixtures::all_events(self.organization.id)).await.unwrap().len()
    }
}
