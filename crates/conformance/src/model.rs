//! The reference model: what a store does, as a program small enough to be checked by reading.

mod audit;
mod expiry;
mod feed;
mod many;
mod once;
mod organizations;
mod peppers;
mod registry;
mod whole;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        ApiKey, AuditEvent, ClerkLink, Creator, ExternalOrganizationId, KeyId, Organization, OrganizationId,
    },
    ports::{
        Change, EndingKey, EndingKeys, ExpiryNotice, FoundKey, IdleRotations, Insertion, KeyChange,
        KeyChanged, KeyLookup, KeyQuery, KeyStore, KeyUse, Limit, NewKey, NewSecret, Readiness, ReplicaId,
        Revocation, RevokeKey, RevokeKeys, StoredKey, Unavailable,
    },
    secret::{KeyDigest, PepperId, RecordedPepper},
};

/// A store in memory that does what the ports promise. For tests alone: it forgets everything.
#[derive(Clone, Default)]
pub struct ModelStore(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    organizations: BTreeMap<OrganizationId, Organization>,
    keys: BTreeMap<KeyId, StoredKey>,
    unreadable: HashSet<KeyId>,
    log: audit::Log,
    feed: feed::Feed,
    replicas: HashMap<ReplicaId, registry::Replica>,
    registrations: i64,
    peppers: BTreeMap<PepperId, RecordedPepper>,
    requests: Vec<once::Request>,
}

impl ModelStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Links an organization to another one at Clerk, as its owner can in the store itself: there is no
    /// port for it.
    pub fn link(&self, id: OrganizationId, clerk: Option<ClerkLink>) {
        let mut state = self.state();
        if let Some(organization) = state.organizations.get_mut(&id) {
            organization.clerk = clerk;
            state.feed.tell(Change::Organization(id));
        }
    }

    /// Makes the key unreadable, as a fault would in a store that has rows.
    pub fn spoil(&self, id: KeyId) {
        self.state().unreadable.insert(id);
    }

    /// Whether a key is stored whose secret was made elsewhere.
    #[must_use]
    pub fn has_brought(&self) -> bool {
        self.state().has_brought()
    }

    /// How many keys, organizations and events there are: for tests that nothing was changed.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let state = self.state();
        (state.keys.len(), state.organizations.len(), state.log.len())
    }
}

impl State {
    fn read(&self, stored: &StoredKey) -> Result<ApiKey, Unavailable> {
        if self.unreadable.contains(&stored.key.id) {
            return Err(Unavailable::new("model", "a key that cannot be read"));
        }
        Ok(stored.key.clone())
    }

    fn at_clerk(&self, id: &ExternalOrganizationId) -> Option<Organization> {
        let same = |one: &&Organization| one.clerk.as_ref().is_some_and(|clerk| clerk.id == *id);
        self.organizations.values().find(same).cloned()
    }
}

#[async_trait]
impl KeyStore for ModelStore {
    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        let mut state = self.state();
        let created_with = match &new.creator {
            Creator::Key(id, _) => state.keys.get(id).map(|stored| &stored.key),
            Creator::Session(_) | Creator::Operator => None,
        };
        if let Some(obstacle) = new.obstacle(state.organizations.get(&new.key.organization_id), created_with)
        {
            return Ok(obstacle);
        }
        if let Some(before) = new.idempotency.as_ref().and_then(|it| state.repeated(it, event.at)) {
            return Ok(Insertion::Repeated(Box::new(before)));
        }
        let taken = |old: &StoredKey| old.key.id == new.key.id || old.has(new.digest.as_bytes());
        if state.keys.values().any(taken) {
            return Ok(Insertion::Duplicate);
        }
        if let Some(record) = new.idempotency.clone() {
            state.remember(record, new.key.clone(), event.at);
        }
        state.log.push(AuditEvent { project_id: new.key.project_id.clone(), ..event });
        let NewKey { key, digest, .. } = new;
        let (organization, brought) = (key.organization_id, key.brought);
        state
            .keys
            .insert(key.id, StoredKey { key, digest, previous_digest: None, expiry_noticed_until: None });
        if brought.is_some() {
            state.feed.tell(Change::Brought(organization));
        }
        Ok(Insertion::Inserted)
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        let state = self.state();
        let own = state.keys.get(&id).filter(|stored| stored.key.organization_id == organization);
        own.map(|stored| state.read(stored)).transpose()
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        self.state().page(&query)
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        let RevokeKey { organization, id, at, event } = revoke;
        let mut state = self.state();
        let stored = state.keys.get_mut(&id).filter(|stored| stored.key.organization_id == organization);
        let Some(stored) = stored else {
            return Ok(None);
        };
        if let Some(revoked_at) = stored.key.revoked_at {
            return Ok(Some(Revocation { revoked_at, newly: false }));
        }
        stored.key.revoked_at = Some(at);
        let project_id = stored.key.project_id.clone();
        state.log.push(AuditEvent { project_id, ..event });
        state.feed.tell(Change::Key(id));
        Ok(Some(Revocation { revoked_at: at, newly: true }))
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        self.state().revoke_all(revoke)
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        Ok(self.state().revoke_lineage(&revoke, limit))
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        let mut state = self.state();
        let created_with = match &change.by {
            Some(Creator::Key(id, _)) => state.keys.get(id).map(|stored| &stored.key),
            _ => None,
        };
        let organization = state.organizations.get(&change.after.organization_id);
        if let Some(obstacle) = change.obstacle(organization, created_with) {
            return Ok(KeyChanged::Refused(obstacle));
        }
        let id = change.after.id;
        let Some(stored) = state.keys.get(&id).filter(|stored| stored.key.is_as(&change.before)) else {
            return Ok(KeyChanged::Stale);
        };
        let taken = |new: &NewSecret| state.keys.values().any(|old| old.has(new.digest.as_bytes()));
        if change.secret.as_ref().is_some_and(taken) {
            return Ok(KeyChanged::Refused(Insertion::Duplicate));
        }
        if change.is_any() {
            let changed = stored.clone().changed(&change);
            state.log.push(AuditEvent { project_id: changed.key.project_id.clone(), ..change.event });
            state.keys.insert(id, changed);
            state.feed.tell(Change::Key(id));
        }
        Ok(KeyChanged::Done)
    }

    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        let state = self.state();
        let idle = state.keys.values().filter(|stored| stored.key.has_an_idle_secret(query.at));
        idle.take(query.limit.get().into()).map(|stored| state.read(stored)).collect()
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        Ok(self.ending_keys(query))
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        Ok(self.notice(notice))
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        let mut state = self.state();
        for one in uses {
            if let Some(stored) = state.keys.get_mut(&one.key) {
                stored.used(one);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl KeyLookup for ModelStore {
    async fn find_key_by_digest(&self, digests: &[KeyDigest]) -> Result<Option<FoundKey>, Unavailable> {
        let state = self.state();
        let is_asked_for = |stored: &&StoredKey| stored.digests().any(|digest| digests.contains(digest));
        let Some(stored) = state.keys.values().find(is_asked_for) else {
            return Ok(None);
        };
        let (StoredKey { digest, previous_digest, .. }, key) = (stored.clone(), state.read(stored)?);
        let previous_digest = previous_digest.map(Box::new);
        let organization = state.organizations.get(&key.organization_id).cloned();
        let organization =
            organization.ok_or_else(|| Unavailable::new("model", "a key without organization"))?;
        Ok(Some(FoundKey { digest, previous_digest, key, organization }))
    }
}

#[async_trait]
impl Readiness for ModelStore {
    async fn check_readiness(&self) -> Result<(), Unavailable> {
        Ok(())
    }
}
