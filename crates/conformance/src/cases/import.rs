//! A store that is filled with what was read from another.

use capykeys_domain::{
    model::{AuditAction, Sequence},
    ports::{
        FeedQuery, Import, Imported, Limit, Poll, ReplicaId, RowCounts, StoreHead, StoredKey, StoredRows,
    },
    secret::RecordedPepper,
};

use super::{
    snapshot::{Read, check},
    support::{ALL, READER},
};
use crate::{Store, fixtures, model::ModelStore};

const REPLICA: ReplicaId = ReplicaId([3; 16]);

/// What another store holds.
async fn source() -> Read {
    let store = Store::new(ModelStore::default(), ());
    store.filled().await;
    store.read_whole().await
}

impl Store {
    async fn begin_import(&self) -> Box<dyn Import> {
        self.whole.begin_import().await.unwrap().expect("it is empty, or being filled")
    }

    /// Fills the store.
    async fn import(&self, source: &Read) {
        let mut import = self.begin_import().await;
        for rows in &source.rows {
            assert_eq!(import.import_rows(rows.clone()).await.unwrap(), Imported::Done);
        }
        assert_eq!(import.finish(source.head.clone()).await.unwrap(), Imported::Done);
    }

    async fn recorded(&self) -> Vec<RecordedPepper> {
        let mut recorded = self.peppers.announce_peppers(REPLICA, Vec::new()).await.unwrap();
        recorded.sort_by(|a, b| a.check.id.cmp(&b.check.id));
        recorded
    }
}

fn keys(source: &Read) -> Vec<StoredKey> {
    let keys = source.rows.iter().find_map(|rows| match rows {
        StoredRows::Keys(keys) => Some(keys.clone()),
        _ => None,
    });
    keys.expect("some")
}

/// By whichever port it is looked at.
pub async fn what_was_imported_is_there_as_it_was(store: &Store) {
    let source = source().await;
    store.import(&source).await;
    assert_eq!(store.read_whole().await, source);
    for row in keys(&source) {
        let (id, organization) = (row.key.id, row.key.organization_id);
        let found = store.lookup.find_key_by_digest(std::slice::from_ref(&row.digest)).await.unwrap();
        let found = found.expect("it is found by its digest");
        assert_eq!((found.key, found.organization.id), (row.key.clone(), organization));
        assert_eq!(store.keys.find_key(organization, id).await.unwrap(), Some(row.key.clone()));
        assert!(store.listed(organization).await.contains(&row.key));
    }
    let StoredRows::Organizations(organizations) = &source.rows[0] else { panic!("{source:?}") };
    for one in organizations {
        let found = store.organizations.find_organization(one.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(one));
        if let Some(clerk) = &one.clerk {
            let found = store.organizations.find_organization_by_external_id(&clerk.id).await.unwrap();
            assert_eq!(found.as_ref(), Some(one));
        }
        assert!(!store.events(one.id).await.is_empty());
    }
    // And is used like any other.
    let good = keys(&source).into_iter().rfind(|row| row.key.revoked_at.is_none()).unwrap();
    let revoked =
        store.keys.revoke_key(fixtures::revoke(&good.key, fixtures::at(50))).await.unwrap().unwrap();
    assert!(revoked.newly);
    store.key(organizations.iter().find(|one| !one.is_suspended()).unwrap(), 60).await;
}

/// And is as it was.
pub async fn a_store_that_holds_anything_is_not_filled(store: &Store) {
    store.organization().await;
    let before = store.read_whole().await;
    assert!(store.whole.begin_import().await.unwrap().is_none());
    assert_eq!(store.read_whole().await, before);
    // So is one whose import has ended.
    let events = fixtures::event(
        AuditAction::ListKeys,
        fixtures::at(1),
        fixtures::organization(fixtures::at(0)).id,
        None,
    );
    store.audit.append_event(events).await.unwrap();
    assert!(store.whole.begin_import().await.unwrap().is_none());
}

/// What a server knows of peppers keeps it from being ready: it has none of this name.
pub async fn until_its_end_no_key_is_made_or_called_unknown(store: &Store) {
    store.peppers.announce_peppers(REPLICA, vec![check("1", 1)]).await.unwrap();
    assert!(store.peppers.take_turn(REPLICA, check("1", 1).id).await.unwrap());
    let source = source().await;
    let mut import = store.begin_import().await;
    let is_marked = |recorded: &[RecordedPepper]| {
        recorded.iter().max_by_key(|one| one.turn).is_some_and(RecordedPepper::is_of_an_import)
    };
    assert!(is_marked(&store.recorded().await));
    for rows in &source.rows {
        assert_eq!(import.import_rows(rows.clone()).await.unwrap(), Imported::Done);
        assert!(is_marked(&store.recorded().await));
        assert!(store.read_whole().await.head.is_unfinished());
    }
    assert_eq!(import.finish(source.head.clone()).await.unwrap(), Imported::Done);
    assert_eq!(store.recorded().await, source.head.peppers);
    assert_eq!(import.import_rows(source.rows[0].clone()).await.unwrap(), Imported::Different);
    // It may keep others out as long as it is held.
    drop(import);
    assert!(store.whole.begin_import().await.unwrap().is_none(), "it is no import that goes on");
}

/// Whatever was stored by then, it is stored once.
pub async fn an_import_goes_on_where_another_has_ended(store: &Store) {
    let source = source().await;
    for end in 0..=source.rows.len() {
        let mut import = store.begin_import().await;
        for rows in &source.rows[..end] {
            assert_eq!(import.import_rows(rows.clone()).await.unwrap(), Imported::Done);
        }
    }
    store.import(&source).await;
    assert_eq!(store.read_whole().await, source);
}

/// An id with another content, a digest that another key has, a key without its organization: nothing of those rows
/// is stored.
pub async fn what_is_not_the_same_is_refused_as_a_whole(store: &Store) {
    let source = source().await;
    let mut import = store.begin_import().await;
    let all = keys(&source);
    let orphans = import.import_rows(StoredRows::Keys(all.clone())).await.unwrap();
    assert_eq!(orphans, Imported::Different, "their organizations are not there");
    assert_eq!(import.import_rows(source.rows[0].clone()).await.unwrap(), Imported::Done);
    let stored = StoredRows::Keys(all[..3].to_vec());
    assert_eq!(import.import_rows(stored.clone()).await.unwrap(), Imported::Done);

    let mut revoked = all.clone();
    revoked[2].key.revoked_at = Some(fixtures::at(77));
    let mut twice = all[3..].to_vec();
    twice[2].digest = all[0].digest.clone();
    let passed_over = vec![all[0].clone(), all[2].clone(), all[3].clone()];
    for other in [revoked, twice, passed_over] {
        let outcome = import.import_rows(StoredRows::Keys(other)).await.unwrap();
        assert_eq!(outcome, Imported::Different);
        assert_eq!(store.read_whole().await.rows[1], stored, "nothing of it is stored");
    }
}

/// Or a backup that was cut short would be taken for whole.
pub async fn an_import_that_lacks_a_row_does_not_end(store: &Store) {
    let source = source().await;
    let mut import = store.begin_import().await;
    assert_eq!(import.finish(source.head.clone()).await.unwrap(), Imported::Different);
    for rows in &source.rows {
        assert_eq!(import.import_rows(rows.clone()).await.unwrap(), Imported::Done);
    }
    let RowCounts { keys, .. } = source.head.counts;
    let more = RowCounts { keys: keys + 1, ..source.head.counts };
    let other = StoreHead { counts: more, ..source.head.clone() };
    assert_eq!(import.finish(other).await.unwrap(), Imported::Different);
    store.peppers.announce_peppers(REPLICA, vec![check("2", 9)]).await.unwrap();
    let other = import.finish(source.head.clone()).await.unwrap();
    assert_eq!(other, Imported::Different, "a pepper has other bytes");
    assert!(store.read_whole().await.head.is_unfinished());
}

/// And after those that were taken out of the source.
pub async fn the_numbers_of_events_go_on_after_those_that_were_imported(store: &Store) {
    let mut source = source().await;
    source.head.expired_through = fixtures::sequence(1_000);
    store.import(&source).await;
    let StoredRows::Organizations(organizations) = &source.rows[0] else { panic!("{source:?}") };
    let organization = &organizations[0];
    let event = fixtures::event(AuditAction::ListKeys, fixtures::at(70), organization.id, None);
    store.audit.append_event(event).await.unwrap();
    let last = store.events(organization.id).await.pop().unwrap();
    assert!(last.sequence > source.head.expired_through, "{:?}", last.sequence);
    assert!(last.sequence < Sequence::MAX);
}

/// A server that runs remembers keys that it found to be unknown.
pub async fn readers_of_the_feed_begin_anew_after_an_import(store: &Store) {
    let before = store.end_of_feed().await;
    store.import(&source().await).await;
    let asked = FeedQuery { reader: READER, after: before, limit: ALL };
    let told = store.feed.poll_changes(asked).await.unwrap();
    let Poll::Diverged(head) = told else { panic!("a reader goes on as if nothing had changed: {told:?}") };
    let asked = FeedQuery { reader: READER, after: head.position, limit: Limit::ONE };
    let told = store.feed.poll_changes(asked).await.unwrap();
    assert!(matches!(told, Poll::Changes { ref changes, .. } if changes.is_empty()), "{told:?}");
}

/// Whatever servers have recorded meanwhile.
pub async fn the_peppers_have_the_turns_that_they_had(store: &Store) {
    let own = vec![check("1", 1), check("3", 3)];
    store.peppers.announce_peppers(REPLICA, own).await.unwrap();
    for pepper in ["3", "1"] {
        assert!(store.peppers.take_turn(REPLICA, check(pepper, 0).id).await.unwrap());
    }
    let source = source().await;
    store.import(&source).await;
    let other = RecordedPepper { check: check("3", 3), turn: None };
    let expected: Vec<_> = source.head.peppers.iter().cloned().chain([other]).collect();
    assert_eq!(store.recorded().await, expected);
}
