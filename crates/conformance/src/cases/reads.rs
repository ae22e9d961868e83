//! How much is read.

use std::sync::Arc;

use capykeys_domain::{
    model::OrganizationId,
    ports::{EventQuery, FeedQuery, KeyQuery, Limit, NewKey, Poll},
};
use futures_util::future::join_all;

use super::support::READER;
use crate::{Store, fixtures, store::Reads};

/// How many keys there are at first, and how many then.
const FEW: i64 = 50;
const MANY: i64 = 2_000;
/// A search in a tree of `MANY` takes a few steps more than one of `FEW`.
const GROWTH: u64 = 2;

/// Where there are forty times as many keys, events and changes, of this organization and of others. What
/// counts is how the work grows, in the store's own unit; no time is taken.
pub async fn a_lookup_and_a_page_read_no_more_where_more_is_stored(store: &Store) {
    let reads = match &store.reads {
        Reads::Counted(reads) => Arc::clone(reads),
        Reads::TestedElsewhere => return,
        Reads::Unknown => panic!("how much does it read? See Store::counted_by"),
    };
    let (own, other) = (store.organization().await.id, store.organization().await.id);
    let one = fill(store, own, other, FEW).await;
    let few = work(store, &*reads, own, &one).await;
    fill(store, own, other, MANY).await;
    let many = work(store, &*reads, own, &one).await;
    for ((call, few), (_, many)) in few.into_iter().zip(many) {
        assert!(few > 0, "{call}: nothing was counted");
        assert!(
            many <= few * GROWTH,
            "{call} reads {few} of {FEW} keys and {many} of {MANY}: it reads all of them"
        );
    }
}

/// Keys of both, some of them revoked; one of them.
async fn fill(store: &Store, own: OrganizationId, other: OrganizationId, count: i64) -> NewKey {
    let keys: Vec<NewKey> = (0..count)
        .map(|micros| fixtures::key(if micros % 2 == 0 { own } else { other }, fixtures::at(micros)))
        .collect();
    for some in keys.chunks(8) {
        join_all(some.iter().map(|new| async {
            store.add_key(new).await;
            if new.key.created_at.unix_micros() % 10 == 0 {
                let revoke = fixtures::revoke(&new.key, fixtures::at(9_000));
                let _ = store.keys.revoke_key(revoke).await.unwrap();
            }
        }))
        .await;
    }
    keys.into_iter().next().expect("there are some")
}

/// What each call reads.
async fn work(
    store: &Store,
    reads: &(dyn Fn() -> u64 + Send + Sync),
    own: OrganizationId,
    one: &NewKey,
) -> Vec<(&'static str, u64)> {
    let mut all = Vec::new();
    let mut before = reads();
    let mut note = |call| {
        let now = reads();
        all.push((call, now - before));
        before = now;
    };
    let digests = std::slice::from_ref(&one.digest);
    store.lookup.find_key_by_digest(digests).await.unwrap().expect("it is there");
    note("find_key_by_digest");
    store.keys.find_key(own, one.key.id).await.unwrap().expect("it is there");
    note("find_key");
    let query = KeyQuery { limit: Limit::ONE, ..fixtures::all_keys(own) };
    let page = store.keys.list_keys(query.clone()).await.unwrap();
    note("list_keys");
    let before = page.last().map(|key| key.id);
    assert_eq!(store.keys.list_keys(KeyQuery { before, ..query }).await.unwrap().len(), 1);
    note("list_keys, the second page");
    let query = EventQuery { limit: Limit::ONE, ..fixtures::all_events(own) };
    let page = store.audit.list_events(query).await.unwrap();
    note("list_events");
    let after = page.last().expect("there are some").sequence;
    assert_eq!(store.audit.list_events(EventQuery { after, ..query }).await.unwrap().len(), 1);
    note("list_events, the second page");
    let (events, position, ..) = store.followed(None, 1).await;
    assert_eq!(events.len(), 1);
    note("follow_events");
    assert_eq!(store.followed(Some(position), 1).await.0.len(), 1);
    note("follow_events, the second page");
    let head = store.end_of_feed().await;
    note("feed_head");
    let poll =
        store.feed.poll_changes(FeedQuery { reader: READER, after: head, limit: Limit::ONE }).await.unwrap();
    assert!(matches!(poll, Poll::Changes { complete: true, .. }));
    note("poll_changes");
    all
}
