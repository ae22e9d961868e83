//! The audit log.

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, Sequence, Timestamp},
    ports::{AuditLog, EventLag, EventLog, EventPosition, EventQuery, Followed, Limit, Unavailable},
};
use capykeys_storage::{Document, Row as _, count_event, operation};
use redb::{ReadTransaction, ReadableTable, WriteTransaction};

use crate::{
    RedbStore,
    database::epoch,
    error::Failure,
    tables::{
        EPOCHS, EVENTS, EVENTS_OF_ORGANIZATION, EXPIRED_THROUGH, NEWEST_EVENT, NUMBERS, Reads, expect,
        number, put, read,
    },
};

#[async_trait]
impl AuditLog for RedbStore {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        self.write(operation::APPEND_EVENT, move |transaction| record(transaction, event)).await
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        self.write(operation::EXPIRE_EVENTS, move |transaction| expire(transaction, before, at_most)).await
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        self.read(operation::LIST_EVENTS, move |transaction| {
            let own = transaction.table(EVENTS_OF_ORGANIZATION)?;
            let events = transaction.table(EVENTS)?;
            let organization = query.organization.uuid().as_u128();
            let page = own.range((organization, query.after.get() + 1)..=(organization, i64::MAX))?;
            let page = page.take(query.limit.get().into());
            page.map(|entry| expect(&events, entry?.0.value().1, "sequence")).collect()
        })
        .await
    }
}

/// One transaction writes at a time, so no number appears after a higher one.
#[async_trait]
impl EventLog for RedbStore {
    async fn follow_events(
        &self,
        after: Option<EventPosition>,
        at_most: Limit,
    ) -> Result<Followed, Unavailable> {
        self.read(operation::FOLLOW_EVENTS, move |transaction| follow(transaction, after, at_most)).await
    }
}

/// Adds the event, in the transaction of what it tells of. Its number is drawn there too, so that none is given
/// to what is not committed.
pub(crate) fn record(transaction: &WriteTransaction, event: AuditEvent) -> Result<(), Failure> {
    let newest = Sequence::new(number(transaction, NEWEST_EVENT)?).and_then(Sequence::next);
    let sequence = newest.ok_or(Failure::Numbers)?;
    store(transaction, &AuditRecord { sequence, event })?;
    count_event();
    Ok(())
}

/// Stores an event under its number, which is no earlier than the newest.
pub(crate) fn store(transaction: &WriteTransaction, record: &AuditRecord) -> Result<(), Failure> {
    let (sequence, organization) = (record.sequence, record.event.organization_id);
    put(&mut transaction.open_table(EVENTS)?, sequence.get(), &Document::of(record))?;
    if let Some(id) = organization {
        let mut own = transaction.open_table(EVENTS_OF_ORGANIZATION)?;
        own.insert((id.uuid().as_u128(), sequence.get()), ())?;
    }
    transaction.open_table(NUMBERS)?.insert(NEWEST_EVENT, sequence.get())?;
    Ok(())
}

fn expire(transaction: &WriteTransaction, before: Timestamp, at_most: Limit) -> Result<u64, Failure> {
    let mut events = transaction.open_table(EVENTS)?;
    let mut own = transaction.open_table(EVENTS_OF_ORGANIZATION)?;
    let oldest: Result<Vec<AuditRecord>, Failure> =
        events.iter()?.take(at_most.get().into()).map(|entry| Ok(read(entry?.1.value())?)).collect();
    let mut gone = 0;
    for old in oldest?.into_iter().filter(|old| old.event.at < before) {
        let sequence = old.sequence.get();
        events.remove(sequence)?;
        if let Some(id) = old.event.organization_id {
            own.remove((id.uuid().as_u128(), sequence))?;
        }
        let through = number(transaction, EXPIRED_THROUGH)?.max(sequence);
        transaction.open_table(NUMBERS)?.insert(EXPIRED_THROUGH, through)?;
        gone += 1;
    }
    Ok(gone)
}

fn follow(
    transaction: &ReadTransaction,
    after: Option<EventPosition>,
    at_most: Limit,
) -> Result<Followed, Failure> {
    let epoch = epoch(transaction)?;
    let newest = number(transaction, NEWEST_EVENT)?;
    let after = after.unwrap_or(EventPosition { sequence: Sequence::START, epoch });
    if after.epoch != epoch || after.sequence.get() > newest {
        let sequence = common(transaction, after)?;
        return Ok(Followed::Diverged(EventPosition { sequence, epoch }));
    }
    let events = transaction.table(EVENTS)?;
    let mut left =
        events.range(after.sequence.get() + 1..)?.map(|entry| Ok::<_, Failure>(read(entry?.1.value())?));
    let told: Vec<AuditRecord> = left.by_ref().take(at_most.get().into()).collect::<Result<_, _>>()?;
    let oldest = left.next().transpose()?.map(|next| next.event.at);
    let kept = events.last()?.and_then(|(number, _)| Sequence::new(number.value())).unwrap_or_default();
    let sequence = told.last().map_or(after.sequence, |last| last.sequence);
    Ok(Followed::Events {
        events: told,
        position: EventPosition { sequence, epoch },
        expired: after.sequence.get() < number(transaction, EXPIRED_THROUGH)?,
        lag: EventLag { numbers: kept.since(sequence), oldest },
    })
}

/// The last number that stands for the same event here as where the reader was: of an epoch that leads to this one,
/// those before the next one began.
fn common(transaction: &ReadTransaction, read: EventPosition) -> Result<Sequence, Failure> {
    let (epochs, mut passed) = (transaction.table(EPOCHS)?, false);
    for entry in epochs.iter()? {
        let epoch = Document::from_bytes(entry?.1.value())?;
        if passed {
            return Ok(read.sequence.min(epoch.field("newest_event")?));
        }
        passed = epoch.field::<[u8; 16]>("id")? == read.epoch;
    }
    Ok(Sequence::START)
}
