//! Organizations of sessions, over the reference model of the store.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{sync::Arc, time::Duration};

use capykeys_cache::{CacheSettings, CachedStore, OrganizationCache, VerificationCache};
use capykeys_conformance::{fixtures, model::ModelStore};
use capykeys_domain::{
    model::{AuditAction, ClerkLink, ExternalOrganizationId, Organization, Renaming, Suspension},
    ports::{Change, OrganizationResolver, Organizations, ReplicaId},
};
use tokio::{runtime::Handle, time::sleep};

struct World {
    store: ModelStore,
    keys: VerificationCache,
    cache: OrganizationCache,
    organization: Organization,
    id: ExternalOrganizationId,
}

impl World {
    async fn new() -> Self {
        let store = ModelStore::default();
        let shared = Arc::new(store.clone());
        let keys = VerificationCache::new(
            CacheSettings::default(),
            ReplicaId([1; 16]),
            CachedStore { lookup: shared.clone(), feed: shared.clone(), registry: shared.clone() },
        );
        let cache = OrganizationCache::new(keys.clone(), shared);
        let at = fixtures::at(0);
        let organization = fixtures::organization_at_clerk(at, "org_2known");
        let event = fixtures::event(AuditAction::CreateOrganization, at, organization.id, None);
        let _ = store.create_organization(organization.clone(), event).await.unwrap();
        let id = organization.clerk.clone().unwrap().id;
        Self { store, keys, cache, organization, id }
    }

    /// In the store alone, as another replica does it.
    async fn suspend(&self) {
        let (at, id) = (fixtures::at(1), self.organization.id);
        let suspension = Suspension { at, reason: None };
        let set = fixtures::set_suspension(id, Some(suspension), at);
        self.store.set_suspension(set).await.unwrap().unwrap();
    }

    async fn is_suspended(&self) -> bool {
        self.cache.resolve_organization(&self.id).await.unwrap().unwrap().is_suspended()
    }

    /// A server that remembers an organization as it was before it was suspended elsewhere, and follows
    /// the feed no more.
    async fn behind() -> Self {
        let world = Self::new().await;
        let following = world.keys.spawn(&Handle::current());
        world.has_a_lease().await;
        assert!(!world.is_suspended().await);
        drop(following);
        world.suspend().await;
        world
    }

    async fn has_a_lease(&self) {
        while self.keys.lease_remaining().is_none() {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn without_a_lease_the_store_is_asked_each_time() {
    let world = World::new().await;
    world.keys.catch_up().await.unwrap();
    while world.keys.lease_remaining().is_some() {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(!world.is_suspended().await);
    world.suspend().await;
    assert!(world.is_suspended().await);
}

/// The feed is held back by nothing but its interval, so that both can be seen.
#[tokio::test]
async fn a_suspension_elsewhere_is_obeyed_as_soon_as_the_feed_tells_it() {
    let world = World::behind().await;
    assert!(!world.is_suspended().await, "it is remembered");
    let _following = world.keys.spawn(&Handle::current());
    while !world.is_suspended().await {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_change_of_its_own_and_the_end_of_the_lease_are_obeyed_without_the_feed() {
    for own in [true, false] {
        let world = World::behind().await;
        if own {
            let _ = world.keys.invalidate(Change::Organization(world.organization.id));
            assert!(world.is_suspended().await);
        } else {
            while world.keys.lease_remaining().is_some() {
                sleep(Duration::from_millis(1)).await;
            }
            assert!(world.is_suspended().await);
        }
    }
}

/// The feed does not tell of a renaming, which changes no verdict.
#[tokio::test]
async fn an_organization_that_is_to_be_forgotten_is_read_again() {
    let world = World::new().await;
    let _following = world.keys.spawn(&Handle::current());
    world.has_a_lease().await;
    let known = || async { world.cache.resolve_organization(&world.id).await.unwrap().unwrap() };
    assert_eq!(known().await, world.organization);
    let (at, id) = (fixtures::at(1), world.organization.id);
    let renaming = Renaming { clerk_slug: Some("renamed".to_owned()), ..Renaming::default() };
    let renamed = world.store.rename_organization(fixtures::rename(id, renaming, at)).await.unwrap().unwrap();
    world.cache.forget_organization(id);
    assert_eq!(known().await, renamed);
}

#[tokio::test]
async fn an_organization_that_is_not_there_is_asked_for_again() {
    let world = World::new().await;
    let _following = world.keys.spawn(&Handle::current());
    world.has_a_lease().await;
    let id = ExternalOrganizationId::parse("org_2unknown").unwrap();
    assert_eq!(world.cache.resolve_organization(&id).await.unwrap(), None);
    let late = fixtures::organization_at_clerk(fixtures::at(2), "org_2unknown");
    let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(2), late.id, None);
    let _ = world.store.create_organization(late.clone(), event).await.unwrap();
    assert!(world.cache.resolve_organization(&id).await.unwrap().is_some());
}

/// Whoever is signed in to the old one has nothing to say any more, and who is to the new one has.
#[tokio::test]
async fn an_organization_that_is_linked_to_another_at_clerk_is_found_under_that_one_alone() {
    let world = World::new().await;
    let new = ExternalOrganizationId::parse("org_2new").unwrap();
    let following = world.keys.spawn(&Handle::current());
    world.has_a_lease().await;
    let cache = &world.cache;
    let found = |id| async move { cache.resolve_organization(id).await.unwrap() };
    assert_eq!(found(&world.id).await.map(|found| found.id), Some(world.organization.id));
    assert_eq!(found(&new).await, None);
    drop(following);
    world.store.link(world.organization.id, Some(ClerkLink { id: new.clone(), slug: None }));
    assert!(found(&world.id).await.is_some(), "it is remembered");
    let _following = world.keys.spawn(&Handle::current());
    while found(&world.id).await.is_some() {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(found(&new).await.map(|found| found.id), Some(world.organization.id));
}
