//! Finding a key by its secret.

use capykeys_domain::{
    model::Suspension,
    secret::{KeyDigest, PepperId},
};

use crate::{Store, fixtures};

/// With several peppers active a key may be under any of its digests; the pepper's name counts too.
pub async fn a_key_is_found_under_any_of_several_digests(store: &Store) {
    let organization = store.organization().await;
    let new = store.key(&organization, 1).await;
    store.key(&organization, 2).await;
    let absent = fixtures::digest([0x11; 32]);
    for digests in [
        vec![new.digest.clone()],
        vec![absent.clone(), new.digest.clone()],
        vec![new.digest.clone(), absent.clone(), fixtures::digest([0x22; 32])],
    ] {
        assert_eq!(store.lookup.find_key_by_digest(&digests).await.unwrap().unwrap().key, new.key);
    }
    assert!(store.lookup.find_key_by_digest(&[absent]).await.unwrap().is_none());
    assert!(store.lookup.find_key_by_digest(&[]).await.unwrap().is_none());
    let other_pepper = KeyDigest::from_stored(PepperId::parse("2").unwrap(), *new.digest.as_bytes());
    assert_eq!(store.lookup.find_key_by_digest(&[other_pepper]).await.unwrap(), None);
}

/// A verdict needs the organization's present state, in the same read.
pub async fn a_key_comes_with_its_organization_as_it_is_now(store: &Store) {
    let organization =
        store.add_organization(fixtures::organization_at_clerk(fixtures::at(0), "org_2abc")).await;
    let new = store.key(&organization, 1).await;
    let digests = [new.digest];
    let found = store.lookup.find_key_by_digest(&digests).await.unwrap().unwrap();
    assert_eq!(found.organization, organization);
    let suspension = Suspension { at: fixtures::at(5), reason: None };
    let set = fixtures::set_suspension(organization.id, Some(suspension), fixtures::at(5));
    let suspended = store.organizations.set_suspension(set).await.unwrap();
    let found = store.lookup.find_key_by_digest(&digests).await.unwrap().unwrap();
    assert_eq!(Some(found.organization), suspended);
}
