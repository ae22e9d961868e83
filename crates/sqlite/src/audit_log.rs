//! The audit log.

use std::{collections::BTreeMap, num::NonZeroU32};

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, AuditRecord, EventDetails, KeyId, OrganizationId,
        ProjectId, RequestContext, RequestId, Timestamp,
    },
    ports::{AuditLog, EventLag, EventLog, EventPosition, Followed, Unavailable},
};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::{
    SqliteStore,
    change_feed::HISTORY,
    error::Failure,
    sql::{self, Columns},
};

/// The columns that [`audit_record`] takes, in its order.
macro_rules! event_columns {
    () => {
        "e.sequence, e.at, e.action, e.outcome, e.actor_kind, e.actor_id, e.organization_id, \
         e.target_organization_id, e.key_id, e.project_id, e.details, e.request_id, e.peer, e.occurrences"
    };
}

const INSERT: &str = "INSERT INTO audit_events \
     (at, action, outcome, actor_kind, actor_id, organization_id, target_organization_id, key_id, project_id, \
     details, request_id, peer, occurrences) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const LIST: &str = concat!(
    "SELECT ",
    event_columns!(),
    " FROM audit_events AS e WHERE e.organization_id = ?1 AND e.sequence > ?2 ORDER BY e.sequence LIMIT ?3"
);
const EXPIRE: &str = "DELETE FROM audit_events \
     WHERE sequence IN (SELECT sequence FROM audit_events ORDER BY sequence LIMIT ?2) AND at < ?1";

/// The newest number and the last that was taken out, and beside them the events. One snapshot shows both.
const FOLLOW: &str = concat!(
    "SELECT h.newest, h.expired_through, ",
    event_columns!(),
    " FROM (SELECT coalesce((SELECT max(sequence) FROM audit_events), 0) AS newest, \
         coalesce((SELECT expired_through FROM audit_retention), 0) AS expired_through) AS h \
     LEFT JOIN (SELECT * FROM audit_events WHERE sequence > ?1 ORDER BY sequence LIMIT ?2) AS e \
     ORDER BY e.sequence"
);

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append(&self, event: &AuditEvent) -> Result<(), Unavailable> {
        let event = event.clone();
        self.write("append audit event", move |connection| record(connection, &event)).await
    }

    async fn expire(&self, before: Timestamp, at_most: NonZeroU32) -> Result<u64, Unavailable> {
        let gone = self.write("take old audit events out", move |connection| {
            sql::execute(connection, EXPIRE, params![before.unix_micros(), at_most.get()])
        });
        gone.await.map(|gone| gone.try_into().unwrap_or(u64::MAX))
    }

    async fn list(
        &self,
        organization: OrganizationId,
        after: i64,
        limit: NonZeroU32,
    ) -> Result<Vec<AuditRecord>, Unavailable> {
        self.read_many("list audit events", move |connection| {
            let parameters = params![organization.uuid().into_bytes(), after, limit.get()];
            let records = sql::all(connection, LIST, parameters, audit_record)?;
            Ok(records.into_iter().flatten().collect())
        })
        .await
    }
}

/// There is one writer at a time, so a number that is missing stays so.
#[async_trait]
impl EventLog for SqliteStore {
    async fn follow(
        &self,
        after: Option<&EventPosition>,
        at_most: NonZeroU32,
    ) -> Result<Followed, Unavailable> {
        let after = after.copied().unwrap_or(EventPosition { sequence: 0, history: HISTORY });
        self.read_many("follow the audit log", move |connection| follow(connection, after, at_most)).await
    }
}

fn follow(connection: &Connection, after: EventPosition, at_most: NonZeroU32) -> Result<Followed, Failure> {
    // One more, for the lag.
    let parameters = params![after.sequence, i64::from(at_most.get()) + 1];
    let rows = sql::all(connection, FOLLOW, parameters, |columns| {
        let head = (columns.integer("newest")?, columns.integer("expired_through")?);
        Ok((head, audit_record(columns)?))
    })?;
    let (newest, expired_through) = rows.first().map_or((0, 0), |(head, _)| *head);
    // Nothing has this number, and nothing had it that was taken out: another file is in the place of the one
    // that was read.
    if after.history != HISTORY || after.sequence > newest.max(expired_through) {
        return Ok(Followed::Diverged(EventPosition { sequence: 0, history: HISTORY }));
    }
    let mut events: Vec<_> = rows.into_iter().filter_map(|(_, record)| record).collect();
    let left = events.split_off(events.len().min(at_most.get() as usize));
    let sequence = events.last().map_or(after.sequence, |last| last.sequence);
    let numbers = newest.saturating_sub(sequence).try_into().unwrap_or(0);
    Ok(Followed::Events {
        events,
        position: EventPosition { sequence, ..after },
        expired: after.sequence < expired_through,
        lag: EventLag { numbers, oldest: left.first().map(|next| next.event.at) },
    })
}

/// Adds the event, within the transaction of what it tells of.
pub(crate) fn record(connection: &Connection, event: &AuditEvent) -> Result<(), Failure> {
    let details: BTreeMap<_, _> = event.details.iter().collect();
    let parameters = params![
        event.at.unix_micros(),
        event.action.name(&event.outcome),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.organization_id.map(|id| id.uuid().into_bytes()),
        event.target_organization_id.map(|id| id.uuid().into_bytes()),
        event.key_id.map(|id| id.uuid().into_bytes()),
        event.project_id.as_ref().map(ProjectId::as_str),
        serde_json::to_string(&details).map_err(|_| Failure::Binding)?,
        event.request.request_id.as_str(),
        event.request.peer.map(|peer| peer.to_string()),
        event.occurrences.get(),
    ];
    sql::execute(connection, INSERT, parameters).map(|_| ())
}

/// The columns of `event_columns!`; `None` where there is no event beside what else the row tells.
fn audit_record(columns: &mut Columns<'_>) -> Result<Option<AuditRecord>, Failure> {
    let as_it_is = |text: &str| Some(text.to_owned());
    let Some(sequence) = columns.optional_integer("sequence")? else { return Ok(None) };
    let at = columns.time("at")?;
    let action = columns.text("action", as_it_is)?;
    let outcome = columns.text("outcome", |text| Some(AuditOutcome::from_stored(text)))?;
    let actor_kind = columns.text("actor_kind", as_it_is)?;
    let event = AuditEvent {
        at,
        action: AuditAction::from_stored(&action, &outcome),
        outcome,
        actor: Actor::from_stored(&actor_kind, columns.optional_text("actor_id", as_it_is)?.as_deref()),
        organization_id: columns.optional_id("organization_id", OrganizationId::from_uuid)?,
        target_organization_id: columns.optional_id("target_organization_id", OrganizationId::from_uuid)?,
        key_id: columns.optional_id("key_id", KeyId::from_uuid)?,
        project_id: columns.optional_text("project_id", |text| ProjectId::parse(text).ok())?,
        details: columns.optional_text("details", |text| Some(details(text)))?.unwrap_or_default(),
        request: RequestContext {
            request_id: columns.text("request_id", RequestId::parse)?,
            peer: columns.optional_text("peer", |text| text.parse().ok())?,
        },
        occurrences: u32::try_from(columns.integer("occurrences")?)
            .ok()
            .and_then(NonZeroU32::new)
            .ok_or(Failure::CorruptRow("occurrences"))?,
    };
    Ok(Some(AuditRecord { sequence, event }))
}

/// Whatever else another version may have put there is left out, or shown as JSON.
fn details(json: &str) -> EventDetails {
    let texts = serde_json::from_str::<BTreeMap<String, Value>>(json).unwrap_or_default().into_iter();
    let shown = texts.filter_map(|(name, value)| match value {
        Value::Null => None,
        Value::String(text) => Some((name, text)),
        other => Some((name, other.to_string())),
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_off_the_index_without_sorting() {
        assert_eq!(
            crate::schema::plan(LIST),
            ["SEARCH e USING INDEX audit_events_of_organization (organization_id=? AND sequence>?)"]
        );
    }

    #[test]
    fn a_reader_passes_no_event_before_its_position() {
        let plan = crate::schema::plan(FOLLOW);
        assert!(
            plan.contains(&"SEARCH audit_events USING INTEGER PRIMARY KEY (rowid>?)".to_owned()),
            "{plan:?}"
        );
    }
}
