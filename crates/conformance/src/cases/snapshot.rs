//! A whole store, as it is read.

use capykeys_domain::{
    model::{Brought, DeviceName, Organization, ProjectId, Suspension, SuspensionReason, UserId},
    ports::{
        KeyChanged, KeyUse, Limit, NewKey, Rehash, ReplicaId, RowCounts, SnapshotReader, StoreHead,
        StoredKey, StoredRows,
    },
    secret::{KeyDigest, PepperCheck, PepperId, RecordedPepper},
};

use super::support::ALL;
use crate::{Store, fixtures};

const REPLICA: ReplicaId = ReplicaId([3; 16]);

/// What a snapshot has shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) head: StoreHead,
    pub(crate) rows: Vec<StoredRows>,
}

impl Store {
    /// A snapshot, to be read.
    pub(crate) async fn snapshot(&self) -> SnapshotReader {
        SnapshotReader::new(self.whole.take_snapshot().await.unwrap())
    }

    /// All that the store holds.
    pub(crate) async fn read_whole(&self) -> Read {
        read(self.snapshot().await, Vec::new(), ALL).await
    }

    /// Stores something of every kind, with every field that there is, and takes some of it away. Gives back the
    /// organizations and the keys, in the order of their ids.
    pub(crate) async fn filled(&self) -> (Vec<Organization>, Vec<StoredKey>) {
        let clerk_id = format!(
            "org_{}",
            fixtures::key(fixtures::organization(fixtures::at(0)).id, fixtures::at(0)).key.id
        );
        let at_clerk =
            fixtures::organization_at_clerk(fixtures::at(0), &clerk_id.replace("org_key_", "org_2"));
        let mut organizations = vec![self.add_organization(at_clerk).await, self.organization().await];
        let reason = SuspensionReason::parse("unpaid").ok();
        let suspension = Some(Suspension { at: fixtures::at(7), reason });
        let set = fixtures::set_suspension(organizations[1].id, suspension, fixtures::at(7));
        organizations[1] = self.organizations.set_suspension(set).await.unwrap().unwrap();
        organizations.sort_by_key(|one| one.id);

        let owner = organizations.iter().find(|one| !one.is_suspended()).unwrap();
        let mut keys = Vec::new();
        for micros in 1..=5 {
            keys.push(self.key(owner, micros).await);
        }
        let mut full = fixtures::key(owner.id, fixtures::at(6));
        full.key.created_by_user_id = UserId::parse("user_2abcDEF");
        full.key.created_by_key_id = Some(full.key.id);
        full.key.device_name = DeviceName::parse(" laptop ").ok();
        full.key.expires_at = Some(fixtures::at(1_000_000));
        full.key.project_id = ProjectId::parse("Prod_1-x").ok();
        full.key.scopes = fixtures::scopes(&["projects:write", "projects:read"]);
        full.key.brought = Some(Brought);
        self.add_key(&full).await;
        keys.push(full);
        let to = |new: &KeyDigest| {
            KeyDigest::from_stored(PepperId::parse("2").unwrap(), *new.as_bytes()).with_last(1)
        };
        let moved = Rehash { key: keys[0].key.id, from: keys[0].digest.clone(), to: to(&keys[0].digest) };
        keys[0].digest = moved.to.clone();
        self.peppers.rehash_keys(vec![moved]).await.unwrap();
        let revoked =
            self.keys.revoke_key(fixtures::revoke(&keys[1].key, fixtures::at(9))).await.unwrap().unwrap();
        keys[1].key.revoked_at = Some(revoked.revoked_at);
        let disabled = fixtures::disabled(&keys[3].key, fixtures::at(9));
        let disabling = fixtures::change(&keys[3].key, &disabled, fixtures::at(9));
        assert_eq!(self.keys.change_key(disabling).await.unwrap(), KeyChanged::Done);
        keys[3].key = disabled;
        let rotation =
            fixtures::rotate(&keys[4].key, &to(&keys[4].digest), fixtures::at(9), fixtures::at(99));
        let (rotated, previous_digest) = (rotation.after.clone(), Some(keys[4].digest.clone()));
        assert_eq!(self.keys.change_key(rotation).await.unwrap(), KeyChanged::Done);
        keys[4] = NewKey { key: rotated, digest: to(&keys[4].digest), ..keys[4].clone() };
        let rotated = keys[4].key.id;
        let used = KeyUse { key: keys[2].key.id, at: fixtures::at(8), with_previous: false };
        keys[2].key.last_used_at = Some(used.at);
        self.keys.record_uses(vec![used]).await.unwrap();

        let noticed = super::expiry::notice(&keys[5].key, 10);
        assert!(self.keys.notice_expiry(noticed.clone()).await.unwrap());
        self.peppers.announce_peppers(REPLICA, vec![check("1", 1), check("2", 2)]).await.unwrap();
        assert!(self.peppers.take_turn(REPLICA, PepperId::parse("2").unwrap()).await.unwrap());
        assert_eq!(self.audit.expire_events(fixtures::at(1), Limit::of::<1>()).await.unwrap(), 1);
        let mut stored: Vec<_> = keys
            .into_iter()
            .map(|new| StoredKey {
                key: new.key,
                digest: new.digest,
                previous_digest: None,
                expiry_noticed_until: None,
            })
            .collect();
        stored
            .iter_mut()
            .filter(|row| row.key.id == rotated)
            .for_each(|row| row.previous_digest.clone_from(&previous_digest));
        let stored_as = stored.iter_mut().filter(|row| row.key.id == noticed.key.id);
        stored_as.for_each(|row| row.expiry_noticed_until = Some(noticed.key.noticed_until));
        stored.sort_by_key(|row| row.key.id);
        (organizations, stored)
    }
}

pub(crate) fn check(name: &str, value: u8) -> PepperCheck {
    PepperCheck { id: PepperId::parse(name).unwrap(), value: [value; 32] }
}

trait WithLast {
    /// With another last byte.
    fn with_last(self, byte: u8) -> Self;
}

impl WithLast for KeyDigest {
    fn with_last(self, byte: u8) -> Self {
        let mut bytes = *self.as_bytes();
        bytes[31] ^= byte;
        Self::from_stored(self.pepper_id().clone(), bytes)
    }
}

/// The rest of a snapshot, after `rows` of it.
async fn read(mut snapshot: SnapshotReader, mut rows: Vec<StoredRows>, limit: Limit) -> Read {
    while let Some(more) = snapshot.next(limit).await.unwrap() {
        assert!(more.len() <= usize::from(limit.get()));
        rows.push(more);
    }
    Read { head: snapshot.head().clone(), rows }
}

/// Nothing is left out, whatever the size of a page, and nothing is another than the other ports say.
pub async fn a_snapshot_is_all_that_the_store_holds(store: &Store) {
    let empty = store.read_whole().await;
    assert_eq!(empty, Read { head: StoreHead::default(), rows: Vec::new() });

    let (organizations, keys) = store.filled().await;
    let read_whole = store.read_whole().await;
    let mut events = Vec::new();
    for organization in &organizations {
        events.extend(store.events(organization.id).await);
    }
    events.sort_by_key(|one| one.sequence);
    let counts = RowCounts { organizations: 2, keys: 6, events: 12 };
    assert_eq!(events.len(), 12);
    let peppers = vec![
        RecordedPepper { check: check("1", 1), turn: None },
        RecordedPepper { check: check("2", 2), turn: Some(1) },
    ];
    let expired_through = fixtures::sequence(events[0].sequence.get() - 1);
    assert_eq!(read_whole.head, StoreHead { counts, peppers, expired_through });
    let rows = [StoredRows::Organizations(organizations), StoredRows::Keys(keys), StoredRows::Events(events)];
    assert_eq!(read_whole.rows, rows);

    let by_one = read(store.snapshot().await, Vec::new(), Limit::ONE).await;
    assert_eq!((by_one.head, by_one.rows.len()), (read_whole.head, 2 + 6 + 12));
}

/// Whoever reads it may take long, and the store is used meanwhile.
pub async fn a_snapshot_shows_one_moment_whatever_is_written_meanwhile(store: &Store) {
    let (organizations, keys) = store.filled().await;
    let before = read(store.snapshot().await, Vec::new(), Limit::ONE).await;

    let mut snapshot = store.snapshot().await;
    let first = snapshot.next(Limit::ONE).await.unwrap().unwrap();
    let late = store.organization().await;
    store.key(&late, 20).await;
    let good = keys.iter().rfind(|row| row.key.revoked_at.is_none()).unwrap();
    let _ = store.keys.revoke_key(fixtures::revoke(&good.key, fixtures::at(21))).await.unwrap();
    let resumed = fixtures::set_suspension(organizations[1].id, None, fixtures::at(22));
    store.organizations.set_suspension(resumed).await.unwrap().unwrap();
    store.audit.expire_events(fixtures::at(30), ALL).await.unwrap();
    assert_eq!(read(snapshot, vec![first], Limit::ONE).await, before);

    assert_eq!(store.read_whole().await.head.counts.organizations, 3, "the next shows what was written");
}

/// A backup that lacks a row would be taken for whole.
pub async fn a_row_that_cannot_be_read_is_not_left_out_of_a_snapshot(store: &Store) {
    let organization = store.organization().await;
    store.key(&organization, 1).await;
    let new = store.key(&organization, 2).await;
    let spoil = store.spoil.as_ref().expect("the suite was told how rows are spoiled");
    spoil(new.key.id, "capy_live_hush!");
    let mut snapshot = store.snapshot().await;
    let error = loop {
        match snapshot.next(ALL).await {
            Ok(rows) => assert!(rows.is_some(), "a snapshot has not noticed a row that cannot be read"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(!error.contains("hush"), "{error}");
}
