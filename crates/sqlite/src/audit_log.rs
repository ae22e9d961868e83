//! The audit log.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, Sequence, Timestamp},
    ports::{AuditLog, EventLag, EventLog, EventPosition, EventQuery, Followed, Limit, Unavailable},
};
use capykeys_storage::{Columns, Row as _, Values, count_event, operation};
use rusqlite::Connection;

use crate::{SqliteStore, change_feed::EPOCH, error::Failure, sql};

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let event = Columns::of::<AuditEvent>("");
    format!("INSERT INTO audit_events ({}) VALUES ({})", event.names(), event.parameters())
});
static LIST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {} FROM audit_events AS e \
         WHERE e.organization_id = $organization_id AND e.sequence > $after ORDER BY e.sequence LIMIT $limit",
        Columns::of::<AuditRecord>("").from("e")
    )
});
const EXPIRE: &str = "DELETE FROM audit_events \
     WHERE sequence IN (SELECT sequence FROM audit_events ORDER BY sequence LIMIT $at_most) AND at < $before";

/// The newest number and the last that was taken out, and beside them the events. One snapshot shows both.
static FOLLOW: LazyLock<String> = LazyLock::new(|| {
    let record = Columns::of::<AuditRecord>("");
    format!(
        "SELECT h.newest AS newest, h.expired_through AS expired_through, {} \
         FROM (SELECT coalesce((SELECT max(sequence) FROM audit_events), 0) AS newest, \
             coalesce((SELECT expired_through FROM audit_retention), 0) AS expired_through) AS h \
         LEFT JOIN (\
             SELECT {} FROM audit_events WHERE sequence > $after ORDER BY sequence LIMIT $limit\
         ) AS e ORDER BY e.sequence",
        record.from("e"),
        record.names()
    )
});

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        self.write(operation::APPEND_EVENT, move |connection| record(connection, &event)).await
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        let gone = self.write(operation::EXPIRE_EVENTS, move |connection| {
            sql::execute(connection, EXPIRE, &Values::of("before", &before).and("at_most", &at_most))
        });
        gone.await.map(|gone| gone.try_into().unwrap_or(u64::MAX))
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        self.read_many(operation::LIST_EVENTS, move |connection| {
            let EventQuery { organization, after, limit } = &query;
            let values = Values::of("organization_id", organization).and("after", after).and("limit", limit);
            sql::all(connection, &LIST, &values)
        })
        .await
    }
}

const START: EventPosition = EventPosition { sequence: Sequence::START, epoch: EPOCH };

/// There is one writer at a time, so a number that is missing stays so.
#[async_trait]
impl EventLog for SqliteStore {
    async fn follow_events(
        &self,
        after: Option<EventPosition>,
        at_most: Limit,
    ) -> Result<Followed, Unavailable> {
        let after = after.unwrap_or(START);
        self.read_many(operation::FOLLOW_EVENTS, move |connection| follow(connection, after, at_most)).await
    }
}

fn follow(connection: &Connection, after: EventPosition, at_most: Limit) -> Result<Followed, Failure> {
    // One more, for the lag.
    let limit = i64::from(at_most.get()) + 1;
    let values = Values::of("after", &after.sequence).and("limit", &limit);
    let rows = sql::each(connection, &FOLLOW, &values, |row| {
        let head = (row.field::<Sequence>("newest")?, row.field::<Sequence>("expired_through")?);
        Ok((head, row.record::<Option<AuditRecord>>("")?))
    })?;
    let (newest, expired_through) =
        rows.first().map_or((Sequence::START, Sequence::START), |(head, _)| *head);
    // Nothing has this number, and nothing had it that was taken out: another file is in the place of the one
    // that was read.
    if after.epoch != EPOCH || after.sequence > newest.max(expired_through) {
        return Ok(Followed::Diverged(START));
    }
    let mut events: Vec<_> = rows.into_iter().filter_map(|(_, record)| record).collect();
    let left = events.split_off(events.len().min(at_most.get().into()));
    let sequence = events.last().map_or(after.sequence, |last| last.sequence);
    Ok(Followed::Events {
        events,
        position: EventPosition { sequence, ..after },
        expired: after.sequence < expired_through,
        lag: EventLag { numbers: newest.since(sequence), oldest: left.first().map(|next| next.event.at) },
    })
}

/// Adds the event, within the transaction of what it tells of.
pub(crate) fn record(connection: &Connection, event: &AuditEvent) -> Result<(), Failure> {
    sql::execute(connection, &INSERT, &Values::default().record("", event))?;
    count_event();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_passes_no_event_before_its_position() {
        let plan = crate::schema::plan(&FOLLOW);
        let search = "SEARCH audit_events USING INTEGER PRIMARY KEY (rowid>?)";
        assert!(plan.contains(&search.to_owned()), "{plan:?}");
    }

    #[test]
    fn a_page_is_read_off_the_index_without_sorting() {
        assert_eq!(
            crate::schema::plan(&LIST),
            ["SEARCH e USING INDEX audit_events_of_organization (organization_id=? AND sequence>?)"]
        );
    }
}
