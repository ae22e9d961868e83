//! The audit log.

use std::{net::IpAddr, num::NonZeroU32};

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, KeyId, OrganizationId, Timestamp},
    ports::{AuditLog, Unavailable},
};
use tokio_postgres::types::Type;
use uuid::Uuid;

use crate::{
    failure::Failure,
    instant::Instant,
    line::{OWN_COLUMNS, answer},
    pool::Param,
    rows::Reader,
    store::PostgresStore,
};

/// The first part of a statement that stores an event, whose values are `$1` to `$9`. What follows
/// says where from, and thereby whether: `FROM …`.
macro_rules! insert_event {
    () => {
        "INSERT INTO audit_events \
             (at, action, outcome, actor_kind, actor_id, organization_id, key_id, request_id, peer) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 "
    };
}

pub(crate) use insert_event;

/// Stores an event and nothing else.
const APPEND: &str = concat!(
    ", logged AS (\
         INSERT INTO audit_events (at, action, outcome, actor_kind, actor_id, organization_id, key_id, request_id, \
             peer, occurrences) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM line\
     )",
    answer!("SELECT true AS found"),
);

/// With the rights of the table's owner; it leaves what is younger than a day.
const EXPIRE: &str = answer!("SELECT true AS found, expire_audit_events($1, $2)");

/// An event as the statements take it.
pub(crate) struct EventValues<'e> {
    at: Instant,
    action: &'static str,
    outcome: &'static str,
    actor_kind: &'static str,
    actor_id: Option<String>,
    organization_id: Option<Uuid>,
    key_id: Option<Uuid>,
    request_id: &'e str,
    peer: Option<IpAddr>,
}

impl<'e> EventValues<'e> {
    pub(crate) fn new(event: &'e AuditEvent) -> Self {
        Self {
            at: Instant(event.at),
            action: event.action.as_str(),
            outcome: event.outcome.as_str(),
            actor_kind: event.actor.kind(),
            actor_id: event.actor.id(),
            organization_id: event.organization_id.map(OrganizationId::uuid),
            key_id: event.key_id.map(KeyId::uuid),
            request_id: event.request.request_id.as_str(),
            peer: event.request.peer,
        }
    }

    /// `$1` to `$9`, followed by `more` from `$10` on.
    pub(crate) fn params<'p>(&'p self, more: impl IntoIterator<Item = Param<'p>>) -> Vec<Param<'p>> {
        let event: [Param<'p>; 9] = [
            (&self.at, Type::TIMESTAMPTZ),
            (&self.action, Type::TEXT),
            (&self.outcome, Type::TEXT),
            (&self.actor_kind, Type::TEXT),
            (&self.actor_id, Type::TEXT),
            (&self.organization_id, Type::UUID),
            (&self.key_id, Type::UUID),
            (&self.request_id, Type::TEXT),
            (&self.peer, Type::INET),
        ];
        event.into_iter().chain(more).collect()
    }
}

const LIST: &str = concat!(
    answer!(
        "SELECT true AS found, sequence, at, action, outcome, actor_kind, actor_id, organization_id, key_id, \
             request_id, peer, occurrences \
         FROM audit_events WHERE organization_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3"
    ),
    " ORDER BY answer.sequence"
);

#[async_trait]
impl AuditLog for PostgresStore {
    async fn append(&self, event: &AuditEvent) -> Result<(), Unavailable> {
        let values = EventValues::new(event);
        let occurrences = i64::from(event.occurrences.get());
        let outcome = self.pool.run(APPEND, &values.params([(&occurrences as _, Type::INT8)])).await;
        outcome.map(drop).map_err(|failure| failure.during("append to the audit log"))
    }

    async fn expire(&self, before: Timestamp, at_most: NonZeroU32) -> Result<u64, Unavailable> {
        let (before, at_most) = (Instant(before), i64::from(at_most.get()));
        let params: [Param<'_>; 2] = [(&before, Type::TIMESTAMPTZ), (&at_most, Type::INT8)];
        let rows = self.pool.run(EXPIRE, &params).await;
        let gone = rows.and_then(|rows| {
            let gone = rows.first().and_then(|row| row.try_get::<_, i64>(OWN_COLUMNS).ok());
            gone.and_then(|gone| u64::try_from(gone).ok()).ok_or(Failure::UnreadableRow)
        });
        gone.map_err(|failure| failure.during("take old events out of the audit log"))
    }

    async fn list(
        &self,
        organization: OrganizationId,
        after: i64,
        limit: NonZeroU32,
    ) -> Result<Vec<AuditRecord>, Unavailable> {
        let (organization, limit) = (organization.uuid(), i64::from(limit.get()));
        let params: [Param<'_>; 3] =
            [(&organization, Type::UUID), (&after, Type::INT8), (&limit, Type::INT8)];
        let read = async {
            let rows = self.pool.run(LIST, &params).await?;
            rows.iter().map(|row| Reader::new(row).audit_record()).collect::<Result<_, Failure>>()
        };
        read.await.map_err(|failure| failure.during("list the audit log"))
    }
}
