//! Following the audit log, whose numbers are given before their transactions commit: see [`gaps`].

pub(crate) mod gaps;

use std::sync::{LazyLock, MutexGuard, PoisonError};

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Sequence},
    ports::{EventLog, EventPosition, Followed, Limit, Unavailable},
};
use capykeys_storage::{Columns, Row as _, Values, operation};
use gaps::{Gaps, Look};
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
    Statement::new(
        operation::FOLLOW_EVENTS,
        &(page + &answer(&columns, &query) + " ORDER BY answer.sequence"),
    )
});

#[async_trait]
impl EventLog for PostgresStore {
    async fn follow_events(
        &self,
        after: Option<EventPosition>,
        at_most: Limit,
    ) -> Result<Followed, Unavailable> {
        let known = self.gaps().known();
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
