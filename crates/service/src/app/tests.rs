//! A store that is neither of the two that come with the service: all that it can do is said by its
//! [`Backend`].

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{KeyName, KeySpec, OrganizationName, Scope, ScopeSet, Sequence, Slug},
    policy::Permit,
    ports::{FeedProgress, Host, Registry, Unavailable},
    usecases::NewOrganization,
};
use capykeys_sqlite::SqliteStore;
use capykeys_storage::Store;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::adapters::{command_context, host};

struct Third {
    folder: TempDir,
    others: Arc<Others>,
}

impl Third {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), others: Arc::default() }
    }
}

#[async_trait]
impl Backend for Third {
    fn name(&self) -> &'static str {
        "a third store"
    }

    fn files(&self) -> u64 {
        1
    }

    async fn migrate(&self, _: Host) -> Result<(), Error> {
        Ok(())
    }

    async fn open(&self, _: OpenedFor, _: Host) -> Result<Store, Error> {
        let registry: Arc<dyn ReplicaRegistry> = self.others.clone();
        Ok(Store { registry, shared: false, ..Store::of(SqliteStore::open(self.folder.path(), host())?) })
    }
}

/// Whether anybody has asked who else there is.
#[derive(Default)]
struct Others(AtomicBool);

#[async_trait]
impl ReplicaRegistry for Others {
    async fn register_replica(&self, _: ReplicaId, _: Duration) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn confirm_progress(&self, _: ReplicaId, _: FeedProgress) -> Result<(), Unavailable> {
        Ok(())
    }

    async fn read_registry(&self) -> Result<Registry, Unavailable> {
        self.0.store(true, Ordering::SeqCst);
        Ok(Registry {
            head: FeedProgress { sequence: Sequence::START, epoch: [0; 16] },
            replicas: Vec::new(),
        })
    }

    async fn retire_replica(&self, _: ReplicaId, _: i64) -> Result<bool, Unavailable> {
        Ok(false)
    }

    async fn forget_replica(&self, _: ReplicaId, _: i64) -> Result<(), Unavailable> {
        Ok(())
    }
}

#[tokio::test]
async fn a_store_that_makes_no_pepper_has_to_be_given_one() {
    let third = Third::new();
    let error =
        build(&Config::default(), &third, OpenedFor::Replica, ReadOnly::new(false)).await.err().unwrap();
    assert!(error.to_string().contains("keys.pepper must be set"), "{error}");
    assert!(!third.folder.path().join("pepper").exists());
}

#[tokio::test]
async fn on_a_store_that_nobody_else_works_on_a_change_waits_for_nobody() {
    let third = Third::new();
    let mut config = Config::default();
    config.keys.pepper = serde_json::from_value(json!("5".repeat(64))).unwrap();
    let App { management, operators, .. } =
        build(&config, &third, OpenedFor::Replica, ReadOnly::new(false)).await.unwrap();
    let context = command_context().unwrap();
    let new = NewOrganization {
        name: OrganizationName::parse("Acme").unwrap(),
        slug: Slug::parse("acme").unwrap(),
        clerk: None,
    };
    let organization = operators.create_organization(new, &context).await.unwrap();
    let spec = KeySpec::new(KeyName::parse("CI").unwrap(), ScopeSet::new([Scope::ALL]).unwrap());
    let permit = Permit::operator_creates_key(&organization);
    let created = management.create_key(&permit, spec, &context).await.unwrap();
    let permit = Permit::operator_revokes_key(&organization, created.key.id);
    assert!(management.revoke_key(&permit, &context).await.unwrap().newly);
    assert!(!third.others.0.load(Ordering::SeqCst));
}
