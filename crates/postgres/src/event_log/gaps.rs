//! Which of the numbers that are missing stay missing.
//!
//! A number that is missing below one that is there may still appear. Whoever draws a number holds a lock on the
//! table from before that until the end of the transaction, committed or not, and a lock is given up after the
//! transaction can be seen. So of a number that is missing in one look at the table, a later look has the last
//! word if it begins when everybody who held the lock after the first look has let it go.

use capykeys_domain::{
    model::{AuditRecord, Sequence},
    ports::{EventLag, EventPosition, Followed, Limit},
};

/// What this process knows of missing numbers, whoever reads. It is in memory alone, and of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    known: Known,
    watched: Option<Watched>,
}

/// What is known when a look begins.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    epoch: [u8; 16],
    /// What is missing up to this number stays so, for looks that begin from now on.
    settled: Sequence,
    /// How many looks have left something here.
    looks: u64,
}

/// Of the numbers up to this one, those that are missing can be of these transactions alone.
#[derive(Debug)]
struct Watched {
    through: Sequence,
    writers: Vec<String>,
}

/// What one look at the table has shown.
pub(super) struct Look {
    pub(super) position: EventPosition,
    pub(super) newest: Sequence,
    pub(super) drawn: Sequence,
    pub(super) expired_through: Sequence,
    pub(super) writers: Option<Vec<String>>,
    pub(super) records: Vec<AuditRecord>,
}

impl Gaps {
    /// What is known where a look begins now.
    pub(super) const fn known(&self) -> Known {
        self.known
    }

    /// What a reader is told of a look that began with what was known then.
    pub(super) fn tell(
        &mut self,
        look: Look,
        known: Known,
        asked: Option<EventPosition>,
        at_most: Limit,
    ) -> Followed {
        // One that began before the last that was noted says nothing about whom that one saw.
        if self.known.looks == known.looks {
            self.note(&look);
        }
        let settled = if known.epoch == look.position.epoch { known.settled } else { Sequence::START };
        tell(look, settled, asked, at_most)
    }

    fn note(&mut self, look: &Look) {
        let Some(writers) = &look.writers else { return };
        let epoch = look.position.epoch;
        if self.known.epoch != epoch {
            *self = Self { known: Known { epoch, settled: Sequence::START, ..self.known }, watched: None };
        }
        self.known.looks += 1;
        // A number above the last that was drawn was put there by hand; those below it are still to come.
        let newest = look.newest.min(look.drawn);
        if let Some(Watched { through, writers: watched }) = &mut self.watched {
            // One that was prepared, and outlived a restart, is called by another name than before.
            let is_left = |one: &&String| watched.contains(*one) || one.starts_with("-1/");
            *watched = writers.iter().filter(is_left).cloned().collect();
            if !watched.is_empty() {
                return;
            }
            self.known.settled = *through;
        }
        if writers.is_empty() {
            (self.known.settled, self.watched) = (self.known.settled.max(newest), None);
        } else {
            self.watched = Some(Watched { through: newest, writers: writers.clone() });
        }
    }
}

fn tell(look: Look, settled: Sequence, asked: Option<EventPosition>, at_most: Limit) -> Followed {
    let Look { position: start, newest, expired_through, records, .. } = look;
    if asked.is_some_and(|asked| asked.epoch != start.epoch) {
        return Followed::Diverged(start);
    }
    // Nothing has this number, and nothing had it that was taken out: the numbers have begun anew.
    if start.sequence > newest.max(expired_through) {
        return Followed::Diverged(EventPosition { sequence: Sequence::START, ..start });
    }
    let mut position = start;
    let mut left = records.into_iter().peekable();
    let mut events = Vec::new();
    while events.len() < at_most.get().into()
        && let Some(record) =
            left.next_if(|next| next.sequence.get() <= settled.max(position.sequence).get() + 1)
    {
        position.sequence = record.sequence;
        events.push(record);
    }
    let lag =
        EventLag { numbers: newest.since(position.sequence), oldest: left.peek().map(|next| next.event.at) };
    Followed::Events { events, position, expired: start.sequence < expired_through, lag }
}

#[cfg(test)]
mod tests;
