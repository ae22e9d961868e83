//! Revoking many keys at once.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{KeyError, Management, done};
use crate::{
    model::{Actor, ApiKey, AuditAction, KeyFilter, KeyId, RequestContext},
    policy::{ListKeys, Permit, RevokeKeys, RevokeLineage},
    ports::{self, Change, KeyQuery, Limit, Unavailable},
};

/// How many keys one call revokes at most.
pub const MOST_REVOKED: Limit = Limit::of::<1_000>();

/// Which keys are to be revoked. One that is revoked already is none of them, and no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// These: no more than [`MOST_REVOKED`].
    Ids(BTreeSet<KeyId>),
    /// Those that are like this, the caller's own key excepted: it would be kept from going on.
    Filter(KeyFilter),
}

/// What was revoked, or would be.
#[derive(Debug, PartialEq, Eq)]
pub struct RevokedKeys {
    /// The keys, newest first.
    pub keys: Vec<ApiKey>,
    /// Whether there may be more, so that the same is to be asked for again.
    pub more: bool,
    /// Which of the ids the organization has no key of.
    pub unknown: Vec<KeyId>,
}

/// A key that was revoked with all that were made with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevokedLineage {
    /// How many were revoked beside it.
    pub descendants: usize,
    /// Whether there may be more, so that the same is to be asked for again.
    pub more: bool,
}

impl Management {
    /// Revokes the permit's key and all that were made with it, directly or with one that was, and comes back when no replica
    /// accepts any of them any more. The key itself goes first, whatever becomes of the others: so none is made with it meanwhile.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn revoke_lineage(
        &self,
        permit: &Permit<RevokeLineage>,
        context: &RequestContext,
    ) -> Result<RevokedLineage, KeyError> {
        let id = permit.action().0.ok_or(KeyError::NoSuchKey)?;
        let (organization, at) = (permit.organization_id(), self.environment.now());
        let event = done(AuditAction::RevokeKey, at, permit.actor(), organization, Some(id), context);
        let revoke = ports::RevokeKey { organization, id, at, event };
        let _ = self.keys.revoke_key(revoke.clone()).await?.ok_or(KeyError::NoSuchKey)?;
        let revoked = self.keys.revoke_lineage(revoke, MOST_REVOKED).await?.ok_or(KeyError::NoSuchKey)?;
        self.replicas.until_obeyed(Change::Organization(organization)).await;
        let descendants = revoked.iter().filter(|key| key.id != id).count();
        Ok(RevokedLineage { descendants, more: revoked.len() == usize::from(MOST_REVOKED.get()) })
    }

    /// Revokes the keys, all of them or none, and comes back when no replica accepts any of them any more. Where nothing was
    /// left to be revoked an earlier call may still be waiting, so this one waits too.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer; then they may be revoked or not.
    pub async fn revoke_keys(
        &self,
        permit: &Permit<RevokeKeys>,
        chosen: Chosen,
        context: &RequestContext,
    ) -> Result<RevokedKeys, Unavailable> {
        let (organization, at) = (permit.organization_id(), self.environment.now());
        let (query, choice) = self.choice(permit, chosen).await?;
        let event = done(AuditAction::RevokeKey, at, permit.actor(), organization, None, context);
        let keys = self.keys.revoke_keys(ports::RevokeKeys { query, at, event }).await?;
        self.replicas.until_obeyed(Change::Organization(organization)).await;
        Ok(choice.of(keys))
    }

    /// Says which keys would be revoked. It shows them, so it takes the right to list them too.
    ///
    /// # Errors
    /// [`Unavailable`] where the store did not answer.
    pub async fn would_revoke(
        &self,
        permit: &Permit<RevokeKeys>,
        _: &Permit<ListKeys>,
        chosen: Chosen,
    ) -> Result<RevokedKeys, Unavailable> {
        let (query, choice) = self.choice(permit, chosen).await?;
        Ok(choice.of(self.keys.list_keys(query).await?))
    }

    async fn choice(
        &self,
        permit: &Permit<RevokeKeys>,
        chosen: Chosen,
    ) -> Result<(KeyQuery, Choice), Unavailable> {
        let organization = permit.organization_id();
        let of = |filter| KeyQuery { organization, filter, before: None, limit: MOST_REVOKED };
        let mut unknown = Vec::new();
        let (filter, is_whole) = match chosen {
            Chosen::Ids(ids) => {
                let named = KeyFilter { ids: Some(ids.clone()), ..KeyFilter::default() };
                let known: BTreeSet<KeyId> =
                    self.keys.list_keys(of(named.clone())).await?.into_iter().map(|key| key.id).collect();
                unknown.extend(ids.difference(&known));
                (named, true)
            }
            Chosen::Filter(filter) => {
                let except = if let Actor::Key(own) = permit.actor() { Some(*own) } else { None };
                (KeyFilter { except, ..filter }, false)
            }
        };
        Ok((of(KeyFilter { unrevoked: true, ..filter }), Choice { is_whole, unknown }))
    }
}

/// What is known of a choice of keys before they are revoked.
struct Choice {
    /// Whether all of them are taken at once.
    is_whole: bool,
    unknown: Vec<KeyId>,
}

impl Choice {
    fn of(self, keys: Vec<ApiKey>) -> RevokedKeys {
        let more = !self.is_whole && keys.len() == usize::from(MOST_REVOKED.get());
        RevokedKeys { keys, more, unknown: self.unknown }
    }
}
