//! Organizations of sessions, under the same lease as the keys.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::{ExternalOrganizationId, Organization, OrganizationId},
    ports::{Change, OrganizationResolver, Organizations, Unavailable},
};
use scopeguard::ScopeGuard;

use crate::{VerificationCache, operation::ask};

/// How often an organization is read for one question at most, where it is changed during every read.
const ATTEMPTS: usize = 3;

/// An [`OrganizationResolver`] that caches, under the rules and the lease of a [`VerificationCache`].
pub struct OrganizationCache {
    cache: VerificationCache,
    store: Arc<dyn Organizations>,
}

impl OrganizationCache {
    /// Keeps in `cache` what it reads from `store`.
    #[must_use]
    pub const fn new(cache: VerificationCache, store: Arc<dyn Organizations>) -> Self {
        Self { cache, store }
    }

    fn recall(&self, id: &ExternalOrganizationId) -> Option<Organization> {
        let (found, until) = {
            let machine = self.cache.0.read();
            (machine.recall_organization(id)?.clone(), machine.lease_until())
        };
        (self.cache.now() < until).then_some(found)
    }

    /// The store's answer; `None` where it may be outdated.
    async fn read(&self, id: &ExternalOrganizationId) -> Result<Option<Option<Organization>>, Unavailable> {
        let (inner, lease) = (&self.cache.0, self.cache.settings().lease);
        let sent = self.cache.now();
        let read = inner.begin_read(sent);
        let finding = self.store.find_organization_by_external_id(id);
        let found = ask("find_organization_by_external_id", lease, finding).await?;
        let read = ScopeGuard::into_inner(read);
        let good = inner.write().end_organization_read(&read, found.as_ref());
        Ok((good && self.cache.now() < read.until).then_some(found))
    }
}

#[async_trait]
impl OrganizationResolver for OrganizationCache {
    async fn resolve_organization(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        if let Some(found) = self.recall(id) {
            return Ok(Some(found));
        }
        for _ in 0..ATTEMPTS {
            if let Some(found) = self.read(id).await? {
                return Ok(found);
            }
        }
        Err(self.cache.0.outdated("organization"))
    }

    fn forget_organization(&self, id: OrganizationId) {
        let _ = self.cache.invalidate(Change::Organization(id));
    }
}
