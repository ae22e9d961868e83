//! The audit log, for readers that follow it.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::{Limit, Unavailable};
use crate::model::{AuditRecord, Sequence, Timestamp};

/// A place in the log, as its reader keeps it for as long as it likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPosition {
    /// The number of the last event that was read.
    pub sequence: Sequence,
    /// The [epoch](super::Epoch) that it was read in.
    pub epoch: [u8; 16],
}

/// How far a reader is behind, for a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLag {
    /// The numbers between the reader's position and the newest committed event; 0 where it has read
    /// everything.
    pub numbers: u64,
    /// When the oldest event happened that is committed and not told yet: beyond the limit of this answer,
    /// or behind a number whose transaction is still open.
    pub oldest: Option<Timestamp>,
}

/// What a reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The next events.
    Events {
        /// The events, in ascending order of their numbers.
        events: Vec<AuditRecord>,
        /// The reader's position once it has taken them.
        position: EventPosition,
        /// Whether events after the reader's old position were taken out before it read them
        /// ([`AuditLog::expire_events`](super::AuditLog::expire_events)). What is left of them is told.
        expired: bool,
        /// How far the reader is behind once it has taken them.
        lag: EventLag,
    },
    /// The log is of another epoch than the reader's position. The reader misses nothing where it
    /// goes on at this position. That is its own number, unless events that it has read are lost by now, as a
    /// failover or a restore can lose them: then it is the last number that is certain to be the same in both,
    /// and other events may have the numbers after it.
    Diverged(EventPosition),
}

/// The events of all organizations, and those that are of none, in one order, which is the same for every reader.
///
/// Every event is told once, in the order of the numbers. A number is drawn in the transaction that stores the
/// event, never in one before it. It is given before that commits,
/// so an event can appear after one with a higher number: a store tells no event while a lower number may
/// still appear, however long its transaction stays open.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Up to `at_most` events after the reader's position; `None` for the beginning of the log.
    ///
    /// # Errors
    /// [`Unavailable`].
    async fn follow_events(
        &self,
        after: Option<EventPosition>,
        at_most: Limit,
    ) -> Result<Followed, Unavailable>;
}
