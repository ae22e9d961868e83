//! Following the audit log, whose numbers are given before their transactions commit.
//!
//! A number that is missing below one that is there may still appear. Whoever draws a number holds a lock on the
//! table from before that until the end of the transaction, committed or not, and a lock is given up after the
//! transaction can be seen. So of a number that is missing in one look at the table, a later look has the last
//! word if it begins when everybody who held the lock after the first look has let it go.

use std::sync::{LazyLock, MutexGuard, PoisonError};

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Sequence},
    ports::{EventLag, EventLog, EventPosition, Followed, Limit, Unavailable},
};
use capykeys_storage::{Columns, Row as _, Values};
use tokio_postgres::Row;

use crate::{
    failure::Failure,
    line::{LINE_ID, answer},
    rows::{self, Answer},
    statement::Statement,
    store::PostgresStore,
};

/// The events after `$after`, of the epoch `$history`, and beside them what is known of all events. Where
/// one is missing between these, also who may write some now. The locks are looked at after the statement's snapshot
/// was taken.
static FOLLOW: LazyLock<Statement> = LazyLock::new(|| {
    let record = Columns::of::<AuditRecord>("");
    let page = format!(
        ", place AS MATERIALIZED (\
             SELECT CASE WHEN $history IS NULL OR $history = line.id THEN $after \
                     ELSE LEAST($after, COALESCE((\
                         SELECT min(COALESCE(l.events_end, 0)) FROM history_lines known \
                         JOIN history_lines later ON later.number > known.number \
                         LEFT JOIN audit_lines l ON l.number = later.number WHERE known.id = $history\
                     ), 0)) END AS after, \
                 COALESCE((SELECT max(e.sequence) FROM audit_events e), 0) AS newest, \
                 (SELECT q.last_value - CASE WHEN q.is_called THEN 0 ELSE 1 END \
                     FROM audit_events_sequence_seq q) AS drawn, \
                 COALESCE((SELECT r.expired_through FROM audit_retention r), 0) AS expired_through \
             FROM line\
         ), page AS MATERIALIZED (\
             SELECT {} FROM audit_events e WHERE e.sequence > (SELECT place.after FROM place) \
             ORDER BY e.sequence LIMIT $limit\
         )",
        record.from("e")
    );
    let place = Columns::named(&["after", "newest", "drawn", "expired_through"]);
    let query = format!(
        "SELECT true AS found, {}, \
             CASE WHEN (SELECT max(p.sequence) - count(*) FROM page p) > place.after THEN ARRAY(\
                 SELECT l.virtualtransaction FROM pg_locks l \
                 WHERE l.locktype = 'relation' AND l.relation = 'audit_events'::regclass \
                     AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) \
                     AND l.mode = 'RowExclusiveLock' AND l.granted\
             ) END AS writers, {} \
         FROM place LEFT JOIN page ON true",
        place.from("place"),
        record.again("page")
    );
    let columns = place.with(Columns::named(&["writers"])).with(record);
    Statement::new("follow the audit log", &(page + &answer(&columns, &query) + " ORDER BY answer.sequence"))
});

/// What this process knows of missing numbers, whoever reads. It is in memory alone, and of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    known: Known,
    watched: Option<Watched>,
}

/// What is known when a look begins.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
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
struct Look {
    position: EventPosition,
    newest: Sequence,
    drawn: Sequence,
    expired_through: Sequence,
    writers: Option<Vec<String>>,
    records: Vec<AuditRecord>,
}

impl Gaps {
    /// What a reader is told of a look that began with what was known then.
    fn tell(&mut self, look: Look, known: Known, asked: Option<EventPosition>, at_most: Limit) -> Followed {
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

#[async_trait]
impl EventLog for PostgresStore {
    async fn follow_events(
        &self,
        after: Option<EventPosition>,
        at_most: Limit,
    ) -> Result<Followed, Unavailable> {
        let known = self.gaps().known;
        let sequence = after.map_or(Sequence::START, |position| position.sequence);
        let epoch = after.map(|position| position.epoch);
        // One more, for the lag.
        let limit = i64::from(at_most.get()) + 1;
        let values = Values::of("after", &sequence).and("history", &epoch).and("limit", &limit);
        let look = self.pool.run(&FOLLOW, values, read).await?;
        Ok(self.gaps().tell(look, known, after, at_most))
    }
}

impl PostgresStore {
    fn gaps(&self) -> MutexGuard<'_, Gaps> {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner)
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

fn read(rows: &[Row]) -> Result<Look, Failure> {
    let row = rows::only(rows)?;
    let records = rows.iter().map(|row| Answer(row).record::<Option<AuditRecord>>(""));
    Ok(Look {
        position: EventPosition { sequence: row.field("after")?, epoch: row.field(LINE_ID)? },
        newest: row.field("newest")?,
        drawn: row.field("drawn")?,
        expired_through: row.field("expired_through")?,
        writers: row.field("writers")?,
        records: records.filter_map(Result::transpose).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests;
