//! Keys whose secrets were made elsewhere.

use std::sync::Arc;

use capykeys_domain::{
    model::{Brought, OrganizationId},
    ports::{Change, FeedQuery, Insertion, Limit, NewKey, Poll, StoredRows},
};
use tokio::task::yield_now;

use super::support::READER;
use crate::{Store, fixtures, model::ModelStore};

impl Store {
    async fn has_brought(&self) -> bool {
        self.feed.feed_head(READER).await.unwrap().brought
    }
}

/// A key whose secret was made elsewhere, created `micros` microseconds after the start.
fn brought(organization: OrganizationId, micros: i64) -> NewKey {
    let mut new = fixtures::key(organization, fixtures::at(micros));
    new.key.brought = Some(Brought);
    new
}

/// Somebody may have asked for it before, and been told that there is none.
pub async fn a_brought_key_is_told_when_it_is_stored_and_kept_as_one(store: &Store) {
    let organization = store.organization().await;
    let start = store.end_of_feed().await;
    store.key(&organization, 1).await;
    assert!(!store.has_brought().await);
    assert_eq!(store.changes_after(&start).await, []);
    let new = brought(organization.id, 2);
    store.add_key(&new).await;
    assert!(store.has_brought().await, "nobody would look for a brought key");
    let told = store.changes_after(&start).await;
    assert_eq!(told, [Change::Brought(organization.id)], "what was remembered as absent stays so");
    let found = store.lookup.find_key_by_digest(std::slice::from_ref(&new.digest)).await.unwrap().unwrap();
    assert_eq!(found.key, new.key);
    assert_eq!(store.keys.find_key(organization.id, new.key.id).await.unwrap(), Some(new.key.clone()));
    assert!(store.listed(organization.id).await.contains(&new.key));
}

/// That there are such keys is known for good: those that are revoked are looked for as well.
pub async fn a_brought_key_obeys_as_every_other_and_stays_one(store: &Store) {
    let organization = store.organization().await;
    let new = brought(organization.id, 1);
    store.add_key(&new).await;
    let start = store.end_of_feed().await;
    let disabled = fixtures::disabled(&new.key, fixtures::at(2));
    let _ = store.keys.change_key(fixtures::change(&new.key, &disabled, fixtures::at(2))).await.unwrap();
    let revoked = store.keys.revoke_key(fixtures::revoke(&disabled, fixtures::at(3))).await.unwrap().unwrap();
    assert!(revoked.newly && store.has_brought().await);
    assert_eq!(store.changes_after(&start).await, [Change::Key(new.key.id); 2]);
    let found = store.lookup.find_key_by_digest(&[new.digest]).await.unwrap().unwrap();
    assert_eq!((found.key.brought, found.key.revoked_at), (Some(Brought), Some(fixtures::at(3))));
}

/// Nobody forgets anything for a key that is not stored.
pub async fn a_brought_key_that_is_refused_is_not_told(store: &Store) {
    let organization = store.organization().await;
    let own = store.key(&organization, 1).await;
    let start = store.end_of_feed().await;
    let taken = NewKey { digest: own.digest, ..brought(organization.id, 2) };
    let insertion = store.keys.insert_key(taken.clone(), fixtures::created(&taken)).await.unwrap();
    assert_eq!(insertion, Insertion::Duplicate);
    let homeless = brought(OrganizationId::new(fixtures::at(0), [9; 8]), 3);
    let insertion = store.keys.insert_key(homeless.clone(), fixtures::created(&homeless)).await.unwrap();
    assert_eq!(insertion, Insertion::NoOrganization);
    assert!(!store.has_brought().await);
    let is_told = |change: &Change| matches!(change, Change::Brought(_));
    assert!(!store.changes_after(&start).await.iter().any(is_told));
}

/// Whoever reads the feed sees all that was told of as soon as it is told.
pub async fn a_brought_key_is_there_when_it_is_told(store: &Store) {
    let organization = store.organization().await;
    for round in 0..16 {
        let (start, new) = (store.end_of_feed().await, brought(organization.id, round));
        let (keys, key) = (Arc::clone(&store.keys), new.clone());
        let insertion =
            tokio::spawn(async move { keys.insert_key(key.clone(), fixtures::created(&key)).await.unwrap() });
        let query = FeedQuery { reader: READER, after: start, limit: Limit::ONE };
        while !matches!(store.feed.poll_changes(query).await.unwrap(), Poll::Changes { changes, .. } if !changes.is_empty())
        {
            yield_now().await;
        }
        let found = store.lookup.find_key_by_digest(&[new.digest]).await.unwrap();
        assert_eq!(found.map(|found| found.key), Some(new.key), "told before it was there");
        assert!(store.has_brought().await);
        assert_eq!(insertion.await.unwrap(), Insertion::Inserted);
    }
}

/// A backup or a copy would otherwise hold keys that nobody looks for.
pub async fn a_store_that_is_filled_with_a_brought_key_has_one(store: &Store) {
    let source = Store::new(ModelStore::default(), ());
    let organization = source.organization().await;
    let new = brought(organization.id, 1);
    source.add_key(&new).await;
    let source = source.read_whole().await;
    let mut import = store.whole.begin_import().await.unwrap().unwrap();
    for rows in &source.rows {
        let _ = import.import_rows(rows.clone()).await.unwrap();
    }
    let _ = import.finish(source.head.clone()).await.unwrap();
    assert!(store.has_brought().await);
    let read = store.read_whole().await;
    let keys =
        read.rows.iter().find_map(|rows| if let StoredRows::Keys(keys) = rows { Some(keys) } else { None });
    assert_eq!(keys.map(|keys| keys[0].key.clone()), Some(new.key));
}
