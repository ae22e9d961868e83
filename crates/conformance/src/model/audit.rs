//! The model's audit log.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, OrganizationId, Timestamp},
    ports::{AuditLog, EventLag, EventLog, EventPosition, Followed, Unavailable},
};

use super::{ModelStore, take};

/// The model has one.
const HISTORY: [u8; 16] = [0; 16];

#[derive(Default)]
pub(super) struct Log {
    records: Vec<AuditRecord>,
    /// The last number that was given.
    newest: i64,
    expired_through: i64,
}

impl Log {
    pub(super) fn push(&mut self, event: &AuditEvent) {
        self.newest += 1;
        self.records.push(AuditRecord { sequence: self.newest, event: event.clone() });
    }

    pub(super) const fn len(&self) -> usize {
        self.records.len()
    }

    fn after(&self, sequence: i64) -> impl Iterator<Item = &AuditRecord> {
        self.records.iter().filter(move |one| one.sequence > sequence)
    }
}

#[async_trait]
impl AuditLog for ModelStore {
    async fn append(&self, event: &AuditEvent) -> Result<(), Unavailable> {
        self.state().log.push(event);
        Ok(())
    }

    async fn expire(&self, before: Timestamp, at_most: NonZeroU32) -> Result<u64, Unavailable> {
        let log = &mut self.state().log;
        let oldest = take(at_most).min(log.records.len());
        let gone: Vec<_> = log.records.extract_if(..oldest, |one| one.event.at < before).collect();
        log.expired_through = gone.iter().map(|one| one.sequence).fold(log.expired_through, i64::max);
        Ok(gone.len().try_into().unwrap_or(u64::MAX))
    }

    async fn list(
        &self,
        organization: OrganizationId,
        after: i64,
        limit: NonZeroU32,
    ) -> Result<Vec<AuditRecord>, Unavailable> {
        let state = self.state();
        let own = state.log.after(after).filter(|one| one.event.organization_id == Some(organization));
        Ok(own.take(take(limit)).cloned().collect())
    }
}

#[async_trait]
impl EventLog for ModelStore {
    async fn follow(
        &self,
        after: Option<&EventPosition>,
        at_most: NonZeroU32,
    ) -> Result<Followed, Unavailable> {
        let log = &self.state().log;
        let after = after.copied().unwrap_or(EventPosition { sequence: 0, history: HISTORY });
        if after.history != HISTORY || after.sequence > log.newest {
            return Ok(Followed::Diverged(EventPosition { sequence: 0, history: HISTORY }));
        }
        let mut left = log.after(after.sequence);
        let events: Vec<_> = left.by_ref().take(take(at_most)).cloned().collect();
        let sequence = events.last().map_or(after.sequence, |last| last.sequence);
        let numbers = log.records.last().map_or(0, |last| last.sequence).saturating_sub(sequence);
        Ok(Followed::Events {
            events,
            position: EventPosition { sequence, ..after },
            expired: after.sequence < log.expired_through,
            lag: EventLag {
                numbers: numbers.try_into().unwrap_or(0),
                oldest: left.next().map(|next| next.event.at),
            },
        })
    }
}
