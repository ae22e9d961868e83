//! The ports through which a server writes, of which only those methods are asked that read.

use std::sync::Arc;

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        ApiKey, AuditEvent, AuditRecord, ExternalOrganizationId, KeyId, Organization, OrganizationId,
        Timestamp,
    },
    ports::{
        AuditLog, EndingKey, EndingKeys, EventQuery, ExpiryNotice, IdleRotations, Insertion, KeyChange,
        KeyChanged, KeyQuery, KeyStore, KeyUse, Limit, NewKey, OrganizationInsertion, Organizations,
        PepperRegistry, PepperUse, Rehash, RenameOrganization, ReplicaId, Revocation, RevokeKey, RevokeKeys,
        SetSuspension, Unavailable,
    },
    secret::{PepperCheck, PepperId, RecordedPepper},
};

use super::ReadOnly;

/// Nobody is registered under it, so that nothing is noted of it.
const NOBODY: ReplicaId = ReplicaId([0; 16]);

/// A port through which nothing is written while that is asked for.
pub(crate) struct Guarded<P: ?Sized> {
    pub(super) port: Arc<P>,
    pub(super) read_only: ReadOnly,
}

#[async_trait]
impl KeyStore for Guarded<dyn KeyStore> {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.insert_key(new, event).await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.port.find_key(organization, id).await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        self.port.list_keys(query).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.revoke_key(revoke).await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.revoke_keys(revoke).await
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.revoke_lineage(revoke, limit).await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.change_key(change).await
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        self.port.find_idle_rotations(query).await
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.port.find_ending_keys(query).await
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.notice_expiry(notice).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.record_uses(uses).await
    }
}

#[async_trait]
impl Organizations for Guarded<dyn Organizations> {
    async fn find_organization(&self, id: OrganizationId) -> Result<Option<Organization>, Unavailable> {
        self.port.find_organization(id).await
    }

    async fn find_organization_by_external_id(
        &self,
        id: &ExternalOrganizationId,
    ) -> Result<Option<Organization>, Unavailable> {
        self.port.find_organization_by_external_id(id).await
    }

    async fn list_organizations(
        &self,
        after: Option<OrganizationId>,
        limit: Limit,
    ) -> Result<Vec<Organization>, Unavailable> {
        self.port.list_organizations(after, limit).await
    }

    async fn create_organization(
        &self,
        organization: Organization,
        event: AuditEvent,
    ) -> Result<OrganizationInsertion, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.create_organization(organization, event).await
    }

    async fn rename_organization(
        &self,
        rename: RenameOrganization,
    ) -> Result<Option<Organization>, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.rename_organization(rename).await
    }

    async fn set_suspension(&self, set: SetSuspension) -> Result<Option<Organization>, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.set_suspension(set).await
    }
}

#[async_trait]
impl AuditLog for Guarded<dyn AuditLog> {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.append_event(event).await
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.expire_events(before, at_most).await
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        self.port.list_events(query).await
    }
}

/// That a server has peppers which are recorded is noted as ever: it belongs to the server. Others are not recorded and
/// get no turn, so that a server which was started with a new one is not ready.
#[async_trait]
impl PepperRegistry for Guarded<dyn PepperRegistry> {
    async fn announce_peppers(
        &self,
        replica: ReplicaId,
        peppers: Vec<PepperCheck>,
    ) -> Result<Vec<RecordedPepper>, Unavailable> {
        let writing = self.read_only.writing().await;
        if writing.is_err() {
            let recorded = self.port.announce_peppers(NOBODY, Vec::new()).await?;
            let is_recorded = |own: &PepperCheck| recorded.iter().any(|one| one.check.id == own.id);
            if !peppers.iter().all(is_recorded) {
                return Ok(recorded);
            }
        }
        self.port.announce_peppers(replica, peppers).await
    }

    async fn take_turn(&self, replica: ReplicaId, pepper: PepperId) -> Result<bool, Unavailable> {
        match self.read_only.writing().await {
            Ok(_writing) => self.port.take_turn(replica, pepper).await,
            Err(_) => Ok(false),
        }
    }

    async fn count_pepper_uses(&self, at: Timestamp) -> Result<Vec<PepperUse>, Unavailable> {
        self.port.count_pepper_uses(at).await
    }

    async fn rehash_keys(&self, keys: Vec<Rehash>) -> Result<(), Unavailable> {
        let _writing = self.read_only.writing().await?;
        self.port.rehash_keys(keys).await
    }
}
