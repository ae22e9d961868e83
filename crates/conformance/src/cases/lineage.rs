//! Revoking a key with all that were made with it.

use std::{collections::HashSet, sync::Arc};

use capykeys_domain::{
    model::{ApiKey, AuditAction, Creator, KeyId, Organization},
    ports::{Insertion, Limit, NewKey},
};
use futures_util::future::join_all;

use super::many::told;
use crate::{Store, fixtures};

/// A key that may make others, made with that one.
fn made_with(maker: Option<&ApiKey>, organization: &Organization, micros: i64) -> NewKey {
    let mut new = fixtures::key(organization.id, fixtures::at(micros));
    new.key.scopes = fixtures::scopes(&["*"]);
    if let Some(maker) = maker {
        (new.creator, new.key.created_by_key_id) =
            (Creator::Key(maker.id, maker.key_prefix.clone()), Some(maker.id));
    }
    new
}

async fn add(store: &Store, maker: Option<&ApiKey>, organization: &Organization, micros: i64) -> ApiKey {
    let new = made_with(maker, organization, micros);
    store.add_key(&new).await;
    new.key
}

async fn revoke(store: &Store, key: &ApiKey, micros: i64, limit: Limit) -> Option<Vec<ApiKey>> {
    let revoke = fixtures::revoke(key, fixtures::at(micros));
    store.keys.revoke_lineage(revoke, limit).await.unwrap()
}

/// Those that were made with it, however far down, also below one that was revoked before; and no others.
pub async fn a_key_falls_with_all_that_were_made_with_it(store: &Store) {
    let (organization, other) = (store.organization().await, store.organization().await);
    let grandparent = add(store, None, &organization, 1).await;
    let root = add(store, Some(&grandparent), &organization, 2).await;
    let sibling = add(store, Some(&grandparent), &organization, 3).await;
    let child = add(store, Some(&root), &organization, 4).await;
    let gone = add(store, Some(&root), &organization, 5).await;
    let below_gone = add(store, Some(&gone), &organization, 6).await;
    let grandchild = add(store, Some(&child), &organization, 7).await;
    let _ = store.keys.revoke_key(fixtures::revoke(&gone, fixtures::at(8))).await.unwrap();
    // It says so of itself, and is another organization's all the same.
    let mut foreign = made_with(None, &other, 9);
    foreign.key.created_by_key_id = Some(root.id);
    store.add_key(&foreign).await;

    let start = store.end_of_feed().await;
    let expected: Vec<_> = [&root, &child, &below_gone, &grandchild].map(Clone::clone).into();
    let mut revoked = revoke(store, &root, 20, Limit::MAX).await.unwrap();
    assert_eq!(revoked.first().map(|key| key.id), Some(root.id));
    revoked.sort_by_key(|key| key.id);
    let at = Some(fixtures::at(20));
    assert_eq!(
        revoked,
        expected.iter().map(|key| ApiKey { revoked_at: at, ..key.clone() }).collect::<Vec<_>>()
    );
    told(store, store.changes_after(&start).await, &organization, &expected).await;
    for kept in [&grandparent, &sibling, &foreign.key] {
        let found = store.keys.find_key(kept.organization_id, kept.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(kept));
    }
    let found = store.keys.find_key(organization.id, gone.id).await.unwrap().unwrap();
    assert_eq!(found.revoked_at, Some(fixtures::at(8)));

    let end = store.end_of_feed().await;
    assert_eq!(revoke(store, &root, 21, Limit::MAX).await, Some(Vec::new()), "nothing is left");
    assert_eq!(store.changes_after(&end).await, []);
    assert_eq!(store.count_events(&root, &AuditAction::RevokeKey).await, 1);
    let unknown = fixtures::key(organization.id, fixtures::at(30)).key;
    assert_eq!(revoke(store, &unknown, 31, Limit::MAX).await, None);
    let elsewhere = ApiKey { organization_id: other.id, ..sibling.clone() };
    assert_eq!(revoke(store, &elsewhere, 32, Limit::MAX).await, None);
    assert_eq!(store.keys.find_key(organization.id, sibling.id).await.unwrap(), Some(sibling));
}

/// Itself first, then the oldest, until none is left.
pub async fn a_large_lineage_falls_in_batches(store: &Store) {
    let organization = store.organization().await;
    let root = add(store, None, &organization, 1).await;
    let mut made = Vec::new();
    for micros in 2..9 {
        made.push(add(store, Some(made.last().unwrap_or(&root)), &organization, micros).await);
    }
    let limit = Limit::of::<3>();
    let expected = [vec![root.id, made[0].id, made[1].id], vec![made[2].id, made[3].id, made[4].id]];
    let rest = [vec![made[5].id, made[6].id], vec![]];
    for (round, expected) in (20..).zip(expected.into_iter().chain(rest)) {
        let revoked = revoke(store, &root, round, limit).await.unwrap();
        let ids: HashSet<KeyId> = revoked.iter().map(|key| key.id).collect();
        assert_eq!(ids, expected.into_iter().collect());
    }
}

/// Keys are made with it and with what was made with it all the while: none of them is good when the call has ended.
pub async fn no_key_that_is_made_meanwhile_slips_through(store: &Store) {
    let organization = store.organization().await;
    for round in 0..12 {
        let root = add(store, None, &organization, round * 1_000).await;
        let child = add(store, Some(&root), &organization, round * 1_000 + 1).await;
        let makers = (0..8).map(|place| {
            let (store, maker) = (store.clone(), if place % 2 == 0 { root.clone() } else { child.clone() });
            let organization = organization.clone();
            tokio::spawn(async move {
                let mut made = Vec::new();
                for micros in 0..40 {
                    let maker = made.last().filter(|_| micros % 3 > 0).unwrap_or(&maker);
                    let new = made_with(Some(maker), &organization, round * 1_000 + 100 * place + micros + 2);
                    match store.keys.insert_key(new.clone(), fixtures::created(&new)).await.unwrap() {
                        Insertion::Inserted => made.push(new.key),
                        Insertion::CreatorInactive => break,
                        other => panic!("{other:?}"),
                    }
                }
                made
            })
        });
        let makers: Vec<_> = makers.collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        let (keys, revocation) = (Arc::clone(&store.keys), fixtures::revoke(&root, fixtures::at(900_000)));
        let revoking =
            tokio::spawn(async move { keys.revoke_lineage(revocation, Limit::MAX).await.unwrap() });
        let revoked: HashSet<KeyId> = revoking.await.unwrap().unwrap().iter().map(|key| key.id).collect();
        let made: Vec<ApiKey> = join_all(makers).await.into_iter().flat_map(Result::unwrap).collect();
        for key in [root, child].iter().chain(&made) {
            let found = store.keys.find_key(organization.id, key.id).await.unwrap().unwrap();
            assert_eq!(found.revoked_at, Some(fixtures::at(900_000)), "a key slipped through");
            assert!(revoked.contains(&key.id));
            assert_eq!(store.count_events(key, &AuditAction::RevokeKey).await, 1);
        }
    }
}
