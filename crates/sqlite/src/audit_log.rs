//! The audit log.

use std::num::NonZeroU32;

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, AuditRecord, KeyId, OrganizationId, RequestContext,
        RequestId, Timestamp,
    },
    ports::{AuditLog, Unavailable},
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore,
    error::Failure,
    sql::{self, Columns},
};

const INSERT: &str = "INSERT INTO audit_events \
     (at, action, outcome, actor_kind, actor_id, organization_id, key_id, request_id, peer, \
     occurrences) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
const LIST: &str = "SELECT sequence, at, action, outcome, actor_kind, actor_id, organization_id, key_id, \
     request_id, peer, occurrences FROM audit_events \
     WHERE organization_id = ?1 AND sequence > ?2 ORDER BY sequence LIMIT ?3";
const EXPIRE: &str = "DELETE FROM audit_events \
     WHERE sequence IN (SELECT sequence FROM audit_events ORDER BY sequence LIMIT ?2) AND at < ?1";

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
            sql::all(connection, LIST, parameters, audit_record)
        })
        .await
    }
}

/// Adds the event, within the transaction of what it tells of.
pub(crate) fn record(connection: &Connection, event: &AuditEvent) -> Result<(), Failure> {
    let parameters = params![
        event.at.unix_micros(),
        event.action.as_str(),
        event.outcome.as_str(),
        event.actor.kind(),
        event.actor.id(),
        event.organization_id.map(|id| id.uuid().into_bytes()),
        event.key_id.map(|id| id.uuid().into_bytes()),
        event.request.request_id.as_str(),
        event.request.peer.map(|peer| peer.to_string()),
        event.occurrences.get(),
    ];
    sql::execute(connection, INSERT, parameters).map(|_| ())
}

fn audit_record(columns: &mut Columns<'_>) -> Result<AuditRecord, Failure> {
    Ok(AuditRecord {
        sequence: columns.integer("sequence")?,
        event: AuditEvent {
            at: columns.time("at")?,
            action: columns.text("action", AuditAction::from_name)?,
            outcome: columns.text("outcome", AuditOutcome::from_name)?,
            actor: actor(columns)?,
            organization_id: columns.optional_id("organization_id", OrganizationId::from_uuid)?,
            key_id: columns.optional_id("key_id", KeyId::from_uuid)?,
            request: RequestContext {
                request_id: columns.text("request_id", RequestId::parse)?,
                peer: columns.optional_text("peer", |text| text.parse().ok())?,
            },
            occurrences: u32::try_from(columns.integer("occurrences")?)
                .ok()
                .and_then(NonZeroU32::new)
                .ok_or(Failure::CorruptRow("occurrences"))?,
        },
    })
}

fn actor(columns: &mut Columns<'_>) -> Result<Actor, Failure> {
    let kind = columns.text("actor_kind", |text| Some(text.to_owned()))?;
    let id = columns.optional_text("actor_id", |text| Some(text.to_owned()))?;
    Actor::from_stored(&kind, id.as_deref()).ok_or(Failure::CorruptRow("actor_id"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_off_the_index_without_sorting() {
        assert_eq!(
            crate::schema::plan(LIST),
            [
                "SEARCH audit_events USING INDEX audit_events_of_organization (organization_id=? AND sequence>?)"
            ]
        );
    }
}
