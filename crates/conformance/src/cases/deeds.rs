//! Changes, each with all of its sides: what is read of the thing itself, the event in the log, and what the feed
//! tells.

use capykeys_domain::{
    model::{AuditAction, AuditRecord, Organization, OrganizationName, Renaming, Suspension},
    ports::{Change, FeedPosition, FeedQuery, Limit, NewKey, Poll, Rehash, Unavailable},
    secret::{KeyDigest, PepperId},
};

use super::support::READER;
use crate::{Store, fixtures};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Create,
    Revoke,
    RevokeMany,
    Disable,
    Rotate,
    Rehash,
    Suspend,
    Rename,
}

/// A thing of its own that it is done to.
pub(super) struct Subject {
    deed: Deed,
    organization: Organization,
    key: NewKey,
    /// Where the key is to be moved to, or that of its new secret.
    digest: KeyDigest,
}

impl Subject {
    pub(super) async fn new(store: &Store, deed: Deed) -> Self {
        let organization = store.organization().await;
        let key = fixtures::key(organization.id, fixtures::at(1));
        if deed != Deed::Create {
            store.add_key(&key).await;
        }
        let mut bytes = *key.digest.as_bytes();
        bytes[31] ^= 0xff;
        let digest = KeyDigest::from_stored(PepperId::parse("2").unwrap(), bytes);
        Self { deed, organization, key, digest }
    }

    pub(super) async fn act(&self, store: &Store) -> Result<(), Unavailable> {
        let (id, at) = (self.organization.id, fixtures::at(9));
        match self.deed {
            Deed::Create => {
                store.keys.insert_key(self.key.clone(), fixtures::created(&self.key)).await.map(drop)
            }
            Deed::Revoke => store.keys.revoke_key(fixtures::revoke(&self.key.key, at)).await.map(drop),
            Deed::RevokeMany => {
                let revoke = fixtures::revoke_many(id, [self.key.key.id], at);
                store.keys.revoke_keys(revoke).await.map(drop)
            }
            Deed::Disable => {
                let change = fixtures::change(&self.key.key, &fixtures::disabled(&self.key.key, at), at);
                store.keys.change_key(change).await.map(drop)
            }
            Deed::Rotate => {
                let rotation = fixtures::rotate(&self.key.key, &self.digest, at, fixtures::at(90));
                store.keys.change_key(rotation).await.map(drop)
            }
            Deed::Rehash => {
                let (from, to) = (self.key.digest.clone(), self.digest.clone());
                store.peppers.rehash_keys(vec![Rehash { key: self.key.key.id, from, to }]).await
            }
            Deed::Suspend => {
                let suspension = Some(Suspension { at, reason: None });
                let set = fixtures::set_suspension(id, suspension, at);
                store.organizations.set_suspension(set).await.map(drop)
            }
            Deed::Rename => {
                let renaming = Renaming { name: OrganizationName::parse("New").ok(), ..Renaming::default() };
                let rename = fixtures::rename(id, renaming, at);
                store.organizations.rename_organization(rename).await.map(drop)
            }
        }
    }

    /// Whether it can be seen that it was done.
    pub(super) async fn is_done(&self, store: &Store) -> bool {
        let organization = async || {
            let found = store.organizations.find_organization(self.organization.id).await;
            found.unwrap().expect("it was created")
        };
        match self.deed {
            Deed::Create => {
                let found = store.keys.find_key(self.organization.id, self.key.key.id).await;
                found.unwrap().is_some()
            }
            Deed::Revoke | Deed::RevokeMany | Deed::Disable => {
                let digests = std::slice::from_ref(&self.key.digest);
                let found = store.lookup.find_key_by_digest(digests).await.unwrap().expect("it was created");
                found.key.revoked_at.is_some() || found.key.disabled.is_some()
            }
            Deed::Rotate | Deed::Rehash => {
                let digests = std::slice::from_ref(&self.digest);
                store.lookup.find_key_by_digest(digests).await.unwrap().is_some()
            }
            Deed::Suspend => organization().await.is_suspended(),
            Deed::Rename => organization().await.name != self.organization.name,
        }
    }

    /// What the feed tells of it.
    pub(super) const fn change(&self) -> Option<Change> {
        match self.deed {
            Deed::Revoke | Deed::RevokeMany | Deed::Disable | Deed::Rotate | Deed::Rehash => {
                Some(Change::Key(self.key.key.id))
            }
            Deed::Suspend => Some(Change::Organization(self.organization.id)),
            Deed::Create | Deed::Rename => None,
        }
    }

    /// What the log says of it.
    pub(super) const fn action(&self) -> Option<AuditAction> {
        match self.deed {
            Deed::Create => Some(AuditAction::CreateKey),
            Deed::Revoke | Deed::RevokeMany => Some(AuditAction::RevokeKey),
            Deed::Disable => Some(AuditAction::DisableKey),
            Deed::Rotate => Some(AuditAction::RotateKey),
            Deed::Rehash => None,
            Deed::Suspend => Some(AuditAction::SuspendOrganization),
            Deed::Rename => Some(AuditAction::RenameOrganization),
        }
    }

    pub(super) fn is_in(&self, record: &AuditRecord) -> bool {
        record.event.organization_id == Some(self.organization.id)
            && Some(&record.event.action) == self.action().as_ref()
    }

    pub(super) async fn is_logged(&self, store: &Store) -> bool {
        store.events(self.organization.id).await.iter().any(|record| self.is_in(record))
    }
}

/// All that was committed after the position, and where that ends.
pub(super) async fn changes(store: &Store, mut after: FeedPosition) -> (Vec<Change>, FeedPosition) {
    let mut all = Vec::new();
    loop {
        let query = FeedQuery { reader: READER, after, limit: Limit::MAX };
        match store.feed.poll_changes(query).await.unwrap() {
            Poll::Diverged(head) => panic!("diverged: {head:?}"),
            Poll::Changes { changes, position, complete, .. } => {
                all.extend(changes);
                after = position;
                if complete {
                    return (all, after);
                }
            }
        }
    }
}
