//! The model's audit log.

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, Sequence, Timestamp},
    ports::{AuditLog, EventLag, EventLog, EventPosition, EventQuery, Followed, Limit, Unavailable},
};

use super::ModelStore;

/// The model has one.
const EPOCH: [u8; 16] = [0; 16];

#[derive(Default)]
pub(super) struct Log {
    records: Vec<AuditRecord>,
    /// The last number that was given.
    pub(super) newest: Sequence,
    pub(super) expired_through: Sequence,
}

impl Log {
    pub(super) fn push(&mut self, event: AuditEvent) {
        let sequence = self.newest.next().expect("a number");
        self.put(AuditRecord { sequence, event });
    }

    /// Stores an event under its number, which is later than all before.
    pub(super) fn put(&mut self, record: AuditRecord) {
        self.newest = record.sequence;
        self.records.push(record);
    }

    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    pub(super) fn after(&self, sequence: Sequence) -> impl Iterator<Item = &AuditRecord> {
        self.records.iter().filter(move |one| one.sequence > sequence)
    }
}

#[async_trait]
impl AuditLog for ModelStore {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        self.state().log.push(event);
        Ok(())
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        let log = &mut self.state().log;
        let oldest = usize::from(at_most.get()).min(log.records.len());
        let gone: Vec<_> = log.records.extract_if(..oldest, |one| one.event.at < before).collect();
        log.expired_through = gone.iter().map(|one| one.sequence).fold(log.expired_through, Sequence::max);
        Ok(gone.len().try_into().unwrap_or(u64::MAX))
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        let state = self.state();
        let own =
            state.log.after(query.after).filter(|one| one.event.organization_id == Some(query.organization));
        Ok(own.take(query.limit.get().into()).cloned().collect())
    }
}

#[async_trait]
impl EventLog for ModelStore {
    async fn follow_events(
        &self,
        after: Option<EventPosition>,
        at_most: Limit,
    ) -> Result<Followed, Unavailable> {
        let log = &self.state().log;
        let start = EventPosition { sequence: Sequence::START, epoch: EPOCH };
        let after = after.unwrap_or(start);
        if after.epoch != EPOCH || after.sequence > log.newest {
            return Ok(Followed::Diverged(start));
        }
        let mut left = log.after(after.sequence);
        let events: Vec<_> = left.by_ref().take(at_most.get().into()).cloned().collect();
        let sequence = events.last().map_or(after.sequence, |last| last.sequence);
        let numbers = log.records.last().map_or(0, |last| last.sequence.since(sequence));
        Ok(Followed::Events {
            events,
            position: EventPosition { sequence, ..after },
            expired: after.sequence < log.expired_through,
            lag: EventLag { numbers, oldest: left.next().map(|next| next.event.at) },
        })
    }
}
