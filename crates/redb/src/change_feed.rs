//! The change feed.

use async_trait::async_trait;
use capykeys_domain::{
    model::Timestamp,
    ports::{Change, ChangeFeed, FeedHead, FeedQuery, Host, Poll, ReplicaId, Unavailable},
};
use capykeys_storage::{Document, Event, operation};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    database::{epoch, random},
    error::Failure,
    replicas,
    tables::{BROUGHT, CHANGES, Reads, last, number, put, read},
};

/// How many events are kept: more than are told in some minutes. A reader that is further behind forgets all it knows.
const KEPT: i64 = 100_000;

#[async_trait]
impl ChangeFeed for RedbStore {
    async fn feed_head(&self, reader: ReplicaId) -> Result<FeedHead, Unavailable> {
        let host = self.host().clone();
        self.read(operation::FEED_HEAD, move |transaction| head(transaction, reader, host.clock.now())).await
    }

    async fn poll_changes(&self, query: FeedQuery) -> Result<Poll, Unavailable> {
        let host = self.host().clone();
        self.read(operation::POLL_CHANGES, move |transaction| {
            let head = head(transaction, query.reader, host.clock.now())?;
            let changes = transaction.table(CHANGES)?;
            // One more, for the reader's own event.
            let events =
                changes.range(query.after.sequence.get()..)?.take(usize::from(query.limit.get()) + 1);
            let events: Result<Vec<Event>, Failure> =
                events.map(|entry| Ok(read(entry?.1.value())?)).collect();
            Ok(capykeys_storage::poll(&query.after, head, &events?))
        })
        .await
    }
}

fn head(
    transaction: &ReadTransaction,
    reader: ReplicaId,
    store_time: Timestamp,
) -> Result<FeedHead, Failure> {
    let position = last(transaction)?.position(epoch(transaction)?);
    let brought = number(transaction, BROUGHT)? > 0;
    Ok(FeedHead { position, store_time, registered: replicas::is_registered(transaction, reader)?, brought })
}

/// Tells a change, in the transaction that makes it and as the last thing in that.
pub(crate) fn tell(transaction: &WriteTransaction, host: &Host, change: Change) -> Result<(), Failure> {
    let sequence = last(transaction)?.sequence().next().ok_or(Failure::Numbers)?;
    add(transaction, &Event::of(sequence, random(host)?, change))
}

/// Begins the feed anew: every reader diverges.
pub(crate) fn restart(transaction: &WriteTransaction, host: &Host) -> Result<(), Failure> {
    let sequence = last(transaction)?.sequence().next().ok_or(Failure::Numbers)?;
    add(transaction, &Event::start_at(sequence, random(host)?))
}

fn add(transaction: &WriteTransaction, event: &Event) -> Result<(), Failure> {
    let sequence = event.sequence();
    let mut changes = transaction.open_table(CHANGES)?;
    put(&mut changes, sequence.get(), &Document::of(event))?;
    changes.remove(sequence.get() - KEPT)?;
    Ok(())
}
