//! The model's keys, recorded as a test decides.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use capykeys_conformance::{fixtures, model::ModelStore};
use capykeys_domain::{
    model::{ApiKey, AuditAction, AuditEvent, KeyId, OrganizationId, Timestamp},
    ports::{
        EndingKey, EndingKeys, ExpiryNotice, IdleRotations, Insertion, KeyChange, KeyChanged, KeyQuery,
        KeyStore, KeyUse, Limit, NewKey, Organizations, Revocation, RevokeKey, RevokeKeys, Unavailable,
    },
};
use tokio::time::sleep;

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Recorded,
    /// Nothing is stored.
    Refused,
    /// Every other use is stored.
    HalfDone,
    /// All is stored, and the answer lost.
    Unanswered,
}

#[derive(Default)]
struct State {
    calls: Vec<Vec<KeyUse>>,
    fates: VecDeque<Fate>,
    then: Option<Fate>,
    delay: Duration,
}

/// A use of the key with its present secret.
pub(crate) const fn used(key: KeyId, at: Timestamp) -> KeyUse {
    KeyUse { key, at, with_previous: false }
}

/// A store with keys.
pub(crate) struct FakeStore {
    model: ModelStore,
    organization: OrganizationId,
    pub(crate) ids: Vec<KeyId>,
    state: Mutex<State>,
}

impl FakeStore {
    pub(crate) async fn with_keys(count: i64) -> Arc<Self> {
        let model = ModelStore::default();
        let organization = fixtures::organization(fixtures::at(0));
        let id = organization.id;
        let event = fixtures::event(AuditAction::CreateOrganization, fixtures::at(0), id, None);
        let _ = model.create_organization(organization.clone(), event.clone()).await.unwrap();
        let mut ids = Vec::new();
        for micros in 0..count {
            let key = fixtures::key(id, fixtures::at(micros));
            assert_eq!(
                model.insert_key(key.clone(), fixtures::created(&key)).await.unwrap(),
                Insertion::Inserted
            );
            ids.push(key.key.id);
        }
        Arc::new(Self { model, organization: id, ids, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What comes of the next calls, one after the other; all is well after them.
    pub(crate) fn decide(&self, fates: impl IntoIterator<Item = Fate>) {
        self.state().fates.extend(fates);
    }

    /// What comes of all calls from now on.
    pub(crate) fn always(&self, fate: Fate) {
        self.state().then = Some(fate);
    }

    /// How long a call takes.
    pub(crate) fn delay(&self, delay: Duration) {
        self.state().delay = delay;
    }

    /// The calls so far.
    pub(crate) fn calls(&self) -> Vec<Vec<KeyUse>> {
        self.state().calls.clone()
    }

    /// When the keys were last used, for those that ever were.
    pub(crate) async fn last_used(&self) -> HashMap<KeyId, Timestamp> {
        let mut times = HashMap::new();
        for &id in &self.ids {
            let key = self.model.find_key(self.organization, id).await.unwrap().unwrap();
            times.extend(key.last_used_at.map(|at| (id, at)));
        }
        times
    }
}

#[async_trait]
impl KeyStore for FakeStore {
    async fn find_idle_rotations(&self, query: IdleRotations) -> Result<Vec<ApiKey>, Unavailable> {
        self.model.find_idle_rotations(query).await
    }

    async fn find_ending_keys(&self, query: EndingKeys) -> Result<Vec<EndingKey>, Unavailable> {
        self.model.find_ending_keys(query).await
    }

    async fn notice_expiry(&self, notice: ExpiryNotice) -> Result<bool, Unavailable> {
        self.model.notice_expiry(notice).await
    }

    async fn record_uses(&self, uses: Vec<KeyUse>) -> Result<(), Unavailable> {
        let (fate, delay) = {
            let mut state = self.state();
            state.calls.push(uses.clone());
            let fate = state.fates.pop_front().or(state.then).unwrap_or(Fate::Recorded);
            (fate, state.delay)
        };
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let stored: Vec<_> = match fate {
            Fate::Recorded | Fate::Unanswered => uses,
            Fate::Refused => Vec::new(),
            Fate::HalfDone => uses.iter().step_by(2).copied().collect(),
        };
        self.model.record_uses(stored).await?;
        if fate == Fate::Recorded { Ok(()) } else { Err(Unavailable::new("fake", format_args!("{fate:?}"))) }
    }

    async fn insert_key(&self, new: NewKey, event: AuditEvent) -> Result<Insertion, Unavailable> {
        self.model.insert_key(new, event).await
    }

    async fn find_key(&self, organization: OrganizationId, id: KeyId) -> Result<Option<ApiKey>, Unavailable> {
        self.model.find_key(organization, id).await
    }

    async fn list_keys(&self, query: KeyQuery) -> Result<Vec<ApiKey>, Unavailable> {
        self.model.list_keys(query).await
    }

    async fn revoke_keys(&self, revoke: RevokeKeys) -> Result<Vec<ApiKey>, Unavailable> {
        self.model.revoke_keys(revoke).await
    }

    async fn revoke_lineage(
        &self,
        revoke: RevokeKey,
        limit: Limit,
    ) -> Result<Option<Vec<ApiKey>>, Unavailable> {
        self.model.revoke_lineage(revoke, limit).await
    }

    async fn change_key(&self, change: KeyChange) -> Result<KeyChanged, Unavailable> {
        self.model.change_key(change).await
    }

    async fn revoke_key(&self, revoke: RevokeKey) -> Result<Option<Revocation>, Unavailable> {
        self.model.revoke_key(revoke).await
    }
}
