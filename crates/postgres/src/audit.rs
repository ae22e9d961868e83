//! The audit log.

use std::sync::LazyLock;

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, Timestamp},
    ports::{AuditLog, EventQuery, Limit, Unavailable},
};
use capykeys_storage::{Columns, Values, operation};

use crate::{line::answer, rows, statement::Statement, store::PostgresStore};

/// The first part of a statement that stores an event, whose values have the prefix `event_`. What
/// follows says where from, and thereby whether: ` FROM …`. The project and the details may be expressions
/// over that.
pub(crate) fn insert_event(project_id: &str, details: &str) -> String {
    insert_event_of("$event_key_id", project_id, details)
}

/// The same, of the key that an expression names as well.
pub(crate) fn insert_event_of(key_id: &str, project_id: &str, details: &str) -> String {
    let event = Columns::of::<AuditEvent>("event_").without(&["key_id", "project_id", "details"]);
    format!(
        "INSERT INTO audit_events ({}, key_id, project_id, details) SELECT {}, {key_id}, {project_id}, {details}",
        event.names(),
        event.parameters()
    )
}

/// The column of an answer that says whether the event was stored.
pub(crate) const WRITTEN: &str = "written";

/// The details that the caller gives.
pub(crate) const GIVEN_DETAILS: &str = "$event_details";

/// Stores an event and nothing else.
static APPEND: LazyLock<Statement> = LazyLock::new(|| {
    let insert_event = insert_event("$event_project_id", GIVEN_DETAILS);
    let answer = answer(&Columns::named(&[WRITTEN]), "SELECT true AS found, true AS written");
    Statement::new(operation::APPEND_EVENT, &format!(", logged AS ({insert_event} FROM line){answer}")).kept()
});

/// With the rights of the table's owner; it leaves what is younger than a day.
static EXPIRE: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_value(operation::EXPIRE_EVENTS, "", "expire_audit_events($before, $at_most)")
});

static LIST: LazyLock<Statement> = LazyLock::new(|| {
    let record = Columns::of::<AuditRecord>("");
    let query = format!(
        "SELECT true AS found, {} FROM audit_events e \
         WHERE e.organization_id = $organization_id AND e.sequence > $after ORDER BY e.sequence LIMIT $limit",
        record.from("e")
    );
    Statement::new(operation::LIST_EVENTS, &(answer(&record, &query) + " ORDER BY answer.sequence"))
});

#[async_trait]
impl AuditLog for PostgresStore {
    async fn append_event(&self, event: AuditEvent) -> Result<(), Unavailable> {
        self.pool.run(&APPEND, Values::default().record("event_", &event), |_| Ok(())).await
    }

    async fn expire_events(&self, before: Timestamp, at_most: Limit) -> Result<u64, Unavailable> {
        self.pool.run(&EXPIRE, Values::of("before", &before).and("at_most", &at_most), rows::value).await
    }

    async fn list_events(&self, query: EventQuery) -> Result<Vec<AuditRecord>, Unavailable> {
        let EventQuery { organization, after, limit } = query;
        let values = Values::of("organization_id", &organization).and("after", &after).and("limit", &limit);
        self.pool.run(&LIST, values, rows::all).await
    }
}
