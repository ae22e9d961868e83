//! A team's own adapter, in a project of its own that knows nothing of this repository but its two crates for
//! adapters: the domain, whose ports it implements, and the suite.
//!
//! To keep it small, this team's engine is the suite's reference model, and what the team adds is that each write
//! is counted.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use capykeys_conformance::model::ModelStore;
use capykeys_domain::{
    model::{ApiKey, AuditEvent, KeyId, OrganizationId},
    ports::{EndingKey, EndingKeys, ExpiryNotice, IdleRotations, Insertion, KeyChange, KeyChanged, KeyQuery, KeyStore, KeyUse, Limit, NewKey, Revocation, RevokeKey, RevokeKeys, Unavailable},
};

/// Keys, with a number of writes beside them.
#[derive(Clone, Default)]
pub struct CountingKeys {
    /// What holds them.
    pub engine: ModelStore,
    writes: Arc<AtomicU64>,
}

impl CountingKeys {
    /// How often something was to be written.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    fn count(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl KeyStore for CountingKeys {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        self.count();
        self.engine.insert_key(new, event).await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.engine.find_key(organization, id).await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        self.engine.list_keys(query).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        self.count();
        self.engine.revoke_key(revoke).await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        self.count();
        self.engine.revoke_keys(revoke).await
    }

    async fn revoke_lineage(&self, revoke: RevokeKey, limit: Limit) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        self.count();
        self.engine.revoke_lineage(revoke, limit).await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        self.count();
        self.engine.change_key(change).await
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        self.engine.find_idle_rotations(query).await
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.engine.find_ending_keys(query).await
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.engine.notice_expiry(notice).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        self.count();
        self.engine.record_uses(uses).await
    }
}
