//! Listing keys.

use capykeys_domain::{
    model::{ApiKey, KeyId, OrganizationId},
    ports::{KeyQuery, Limit},
};

use crate::{Store, fixtures};

/// The order is that of the ids, whatever the order of insertion; revoked and expired keys stay.
pub async fn keys_come_newest_first_and_complete(store: &Store) {
    let organization = store.organization().await;
    let mut expected = Vec::new();
    for micros in [5, 1, 3, 3, 2, 4, 1_000_000] {
        let mut new = fixtures::key(organization.id, fixtures::at(micros));
        new.key.expires_at = (micros == 3).then(|| fixtures::at(0));
        store.add_key(&new).await;
        expected.push(new.key);
    }
    let at = fixtures::at(9);
    let _ = store.keys.revoke_key(fixtures::revoke(&expected[0], at)).await.unwrap();
    expected[0].revoked_at = Some(at);
    expected.sort_by_key(|key| std::cmp::Reverse(key.id));
    assert_eq!(store.listed(organization.id).await, expected);
}

/// Keys that come in while a listing is under way neither shift it nor appear twice.
pub async fn paging_is_stable_under_inserts(store: &Store) {
    let organization = store.organization().await;
    let mut expected: Vec<KeyId> = Vec::new();
    for micros in 0..23 {
        expected.push(store.key(&organization, micros).await.key.id);
    }
    expected.reverse();
    for limit in [1, 2, 7, 22, 23, 24] {
        assert_eq!(ids(&all_pages(store, organization.id, limit).await), expected, "pages of {limit}");
    }
    let first = page(store, organization.id, None, 10).await;
    store.key(&organization, 1_000).await;
    let rest = page(store, organization.id, first.last().map(|key| key.id), 100).await;
    assert_eq!([ids(&first), ids(&rest)].concat(), expected);
    let unknown = KeyId::new(fixtures::at(10), [0xff; 8]);
    let after_unknown = page(store, organization.id, Some(unknown), 100).await;
    assert!(after_unknown.iter().all(|key| key.id < unknown));
    assert_eq!(after_unknown.len(), expected.iter().filter(|&&id| id < unknown).count());
}

/// Empty, not an error; so is an organization that does not exist.
pub async fn an_empty_organization_has_an_empty_list(store: &Store) {
    let organization = store.organization().await;
    assert!(store.listed(organization.id).await.is_empty());
    let nobody = OrganizationId::new(fixtures::at(0), [1; 8]);
    assert!(store.keys.list_keys(fixtures::all_keys(nobody)).await.unwrap().is_empty());
}

async fn all_pages(store: &Store, organization: OrganizationId, limit: u16) -> Vec<ApiKey> {
    let mut all: Vec<ApiKey> = Vec::new();
    loop {
        let next = page(store, organization, all.last().map(|key| key.id), limit).await;
        assert!(next.len() <= usize::from(limit), "a page is longer than its limit");
        if next.is_empty() {
            return all;
        }
        all.extend(next);
        assert!(all.len() < 1_000, "a page begins where the last one did");
    }
}

async fn page(store: &Store, organization: OrganizationId, before: Option<KeyId>, limit: u16) -> Vec<ApiKey> {
    let query = KeyQuery { before, limit: Limit::new(limit).unwrap(), ..fixtures::all_keys(organization) };
    store.keys.list_keys(query).await.unwrap()
}

fn ids(keys: &[ApiKey]) -> Vec<KeyId> {
    keys.iter().map(|key| key.id).collect()
}
