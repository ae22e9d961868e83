//! The audit log.

use std::{net::IpAddr, num::NonZeroU32};

use async_trait::async_trait;
use capykeys_domain::{
    model::{
        Actor, AuditAction, AuditEvent, AuditOutcome, AuditRecord, EventDetails, KeyId, OrganizationId,
        ProjectId, RequestContext, RequestId, Timestamp,
    },
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

/// The details in `$3`: names and texts in turn.
macro_rules! given_details {
    () => {
        "jsonb_object($3)"
    };
}

/// The first part of a statement that stores an event of something done, whose values are `$1` to `$9`.
/// What follows says where from, and thereby whether: `FROM …`. The project and the details may be
/// expressions over that.
macro_rules! insert_event {
    ($project:expr, $details:expr) => {
        concat!(
            "INSERT INTO audit_events (at, action, outcome, details, actor_kind, actor_id, organization_id, \
                 key_id, request_id, peer, project_id) \
             SELECT $1, $2, 'done', ",
            $details,
            ", $4, $5, $6, $7, $8, $9, ",
            $project,
            " "
        )
    };
}

pub(crate) use {given_details, insert_event};

/// The columns that [`record`] reads, of the table or query named so. The details are names and texts in
/// turn, whatever else another version may have put there.
macro_rules! event_columns {
    ($of:literal) => {
        concat!(
            $of,
            ".sequence, ",
            $of,
            ".at, ",
            $of,
            ".action, ",
            $of,
            ".outcome, ",
            $of,
            ".actor_kind, ",
            $of,
            ".actor_id, ",
            $of,
            ".organization_id, ",
            $of,
            ".target_organization_id, ",
            $of,
            ".key_id, ",
            $of,
            ".project_id, ARRAY(SELECT unnest(ARRAY[key, value]) FROM jsonb_each_text(CASE jsonb_typeof(",
            $of,
            ".details) WHEN 'object' THEN ",
            $of,
            ".details END)) AS details, ",
            $of,
            ".request_id, ",
            $of,
            ".peer, ",
            $of,
            ".occurrences"
        )
    };
}

pub(crate) use event_columns;

/// Stores an event and nothing else.
const APPEND: &str = concat!(
    ", logged AS (\
         INSERT INTO audit_events (at, action, outcome, details, actor_kind, actor_id, organization_id, key_id, \
             request_id, peer, project_id, target_organization_id, occurrences) \
         SELECT $1, $2, $10, ",
    given_details!(),
    ", $4, $5, $6, $7, $8, $9, $11, $12, $13 FROM line)",
    answer!("SELECT true AS found"),
);

/// With the rights of the table's owner; it leaves what is younger than a day.
const EXPIRE: &str = answer!("SELECT true AS found, expire_audit_events($1, $2)");

/// An event as the statements take it.
pub(crate) struct EventValues<'e> {
    at: Instant,
    action: &'e str,
    details: Vec<&'e str>,
    actor_kind: &'e str,
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
            action: event.action.name(&event.outcome),
            details: event.details.iter().flat_map(|(name, text)| [name, text]).collect(),
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
            (&self.details, Type::TEXT_ARRAY),
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
        "SELECT true AS found, ",
        event_columns!("e"),
        " FROM audit_events e WHERE e.organization_id = $1 AND e.sequence > $2 ORDER BY e.sequence LIMIT $3"
    ),
    " ORDER BY answer.sequence"
);

#[async_trait]
impl AuditLog for PostgresStore {
    async fn append(&self, event: &AuditEvent) -> Result<(), Unavailable> {
        let values = EventValues::new(event);
        let outcome = event.outcome.as_str();
        let project = event.project_id.as_ref().map(ProjectId::as_str);
        let target = event.target_organization_id.map(OrganizationId::uuid);
        let occurrences = i64::from(event.occurrences.get());
        let more: [Param<'_>; 4] = [
            (&outcome, Type::TEXT),
            (&project, Type::TEXT),
            (&target, Type::UUID),
            (&occurrences, Type::INT8),
        ];
        let outcome = self.pool.run(APPEND, &values.params(more)).await;
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
            let records = rows.iter().map(|row| record(&mut Reader::new(row)));
            records.filter_map(Result::transpose).collect::<Result<_, Failure>>()
        };
        read.await.map_err(|failure| failure.during("list the audit log"))
    }
}

/// The columns of `event_columns!`; `None` where there is no event beside what else the row tells.
pub(crate) fn record(reader: &mut Reader<'_>) -> Result<Option<AuditRecord>, Failure> {
    let Some(sequence) = reader.value()? else { return Ok(None) };
    let at = reader.time()?;
    let (action, outcome): (&str, &str) = (reader.value()?, reader.value()?);
    let outcome = AuditOutcome::from_stored(outcome);
    let event = AuditEvent {
        at,
        action: AuditAction::from_stored(action, &outcome),
        outcome,
        actor: Actor::from_stored(reader.value()?, reader.value()?),
        organization_id: reader.value::<Option<_>>()?.map(OrganizationId::from_uuid),
        target_organization_id: reader.value::<Option<_>>()?.map(OrganizationId::from_uuid),
        key_id: reader.value::<Option<_>>()?.map(KeyId::from_uuid),
        project_id: reader.optional_text(ProjectId::parse)?,
        details: details(&reader.value::<Vec<Option<&str>>>()?),
        request: RequestContext {
            request_id: RequestId::parse(reader.value()?).ok_or(Failure::UnreadableRow)?,
            peer: reader.value()?,
        },
        occurrences: u32::try_from(reader.value::<i64>()?)
            .ok()
            .and_then(NonZeroU32::new)
            .ok_or(Failure::UnreadableRow)?,
    };
    Ok(Some(AuditRecord { sequence, event }))
}

/// From names and texts in turn.
fn details(in_turn: &[Option<&str>]) -> EventDetails {
    let texts = in_turn.chunks_exact(2).filter_map(|pair| Some((pair[0]?.to_owned(), pair[1]?.to_owned())));
    texts.collect()
}
