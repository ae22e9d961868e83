//! The audit log.

use std::{num::NonZeroU32, sync::LazyLock};

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditEvent, AuditRecord, OrganizationId, Timestamp},
    ports::{AuditLog, Unavailable},
};
use capykeys_storage::{Columns, Values};
use rusqlite::Connection;

use crate::{SqliteStore, error::Failure, sql};

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

#[async_trait]
impl AuditLog for SqliteStore {
    async fn append(&self, event: &AuditEvent) -> Result<(), Unavailable> {
        let event = event.clone();
        self.write("append audit event", move |connection| record(connection, &event)).await
    }

    async fn expire(&self, before: Timestamp, at_most: NonZeroU32) -> Result<u64, Unavailable> {
        let gone = self.write("take old audit events out", move |connection| {
            sql::execute(connection, EXPIRE, &Values::of("before", &before).and("at_most", &at_most))
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
            let values =
                Values::of("organization_id", &organization).and("after", &after).and("limit", &limit);
            sql::all(connection, &LIST, &values)
        })
        .await
    }
}

/// Adds the event, within the transaction of what it tells of.
pub(crate) fn record(connection: &Connection, event: &AuditEvent) -> Result<(), Failure> {
    sql::execute(connection, &INSERT, &Values::default().record("", event)).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_off_the_index_without_sorting() {
        assert_eq!(
            crate::schema::plan(&LIST),
            ["SEARCH e USING INDEX audit_events_of_organization (organization_id=? AND sequence>?)"]
        );
    }
}
