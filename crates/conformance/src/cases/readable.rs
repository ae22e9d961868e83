//! Rows that cannot be read.

use std::error::Error as _;

use capykeys_domain::ports::{KeyQuery, Limit, Unavailable};

use crate::{Store, fixtures};

/// Stands in a row in the place of something else.
const SECRET: &str = "Hunter2 was here";

/// To leave it out would hide a key from whoever is to revoke it, and a verdict on it is no verdict on a key that is
/// unknown. The error says so and nothing of the row, for the log is read by others than the row. The keys beside it,
/// and the store, go on.
pub async fn a_row_that_cannot_be_read_is_an_error_and_not_shown(store: &Store) {
    let organization = store.organization().await;
    let (spoiled, other) = (store.key(&organization, 1).await, store.key(&organization, 2).await);
    let spoil = store.spoil.as_ref().expect("how is a row made unreadable? See Store::spoiled_by");
    spoil(spoiled.key.id, SECRET);

    let query = fixtures::all_keys(organization.id);
    is_shown_nowhere("list_keys", store.keys.list_keys(query.clone()).await);
    is_shown_nowhere("find_key", store.keys.find_key(organization.id, spoiled.key.id).await);
    let digests = std::slice::from_ref(&spoiled.digest);
    is_shown_nowhere("find_key_by_digest", store.lookup.find_key_by_digest(digests).await);

    let before = KeyQuery { before: Some(other.key.id), ..query.clone() };
    is_shown_nowhere("list_keys", store.keys.list_keys(before).await);
    let first = KeyQuery { limit: Limit::ONE, ..query };
    assert_eq!(store.keys.list_keys(first).await.unwrap(), std::slice::from_ref(&other.key));
    assert_eq!(store.keys.find_key(organization.id, other.key.id).await.unwrap(), Some(other.key));
    store.readiness.check_readiness().await.unwrap();
}

fn is_shown_nowhere<T: std::fmt::Debug>(call: &str, outcome: Result<T, Unavailable>) {
    let error = match outcome {
        Ok(answer) => panic!("{call} has not noticed a row that it cannot read: {answer:?}"),
        Err(error) => error,
    };
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains("Hunter2"), "the error shows what is in a row: {text}");
        assert!(!text.contains(SECRET), "the error shows what is in a row: {text}");
    }
    assert!(error.source().is_none(), "the error has the driver's own error in it");
}
