//! Requests that are done once, however often they are sent. One transaction writes at a time, so the next one sees what came of
//! it.

use std::sync::LazyLock;

use capykeys_domain::{
    model::{ApiKey, Timestamp},
    ports::{FORGOTTEN_AT_ONCE, Repeated},
    secret::IdempotencyRecord,
};
use capykeys_storage::{Answered, Columns, OF_REQUEST, Values, repeated, select_repeated};
use rusqlite::Connection;

use crate::{error::Failure, sql};

static FIND: LazyLock<String> = LazyLock::new(|| format!("SELECT {}", select_repeated()));
static FORGET: LazyLock<String> = LazyLock::new(|| {
    format!(
        "DELETE FROM idempotency_keys WHERE at <= $forgotten AND (id = $request_id \
         OR id IN (SELECT id FROM idempotency_keys WHERE at <= $forgotten ORDER BY at LIMIT {FORGOTTEN_AT_ONCE}))"
    )
});
static STORE: LazyLock<String> = LazyLock::new(|| {
    let columns = Columns::of::<IdempotencyRecord>(OF_REQUEST);
    let (names, parameters) = (columns.names(), columns.parameters());
    format!(
        "INSERT INTO idempotency_keys ({names}, key_id, at, answered) VALUES ({parameters}, $key_id, $at, $answered)"
    )
});

/// The request, where it was done before and is not forgotten by now.
pub(crate) fn find(
    connection: &Connection,
    record: &IdempotencyRecord,
    key: &ApiKey,
    now: Timestamp,
) -> Result<Option<Repeated>, Failure> {
    let forgotten = IdempotencyRecord::forgotten(now);
    let values = Values::of("request_id", &record.id).and("forgotten", &forgotten);
    let values = values.and("organization_id", &key.organization_id);
    Ok(sql::each(connection, &FIND, &values, |row| repeated(row))?.into_iter().next())
}

/// Stores that it is done, in the transaction that does it, with the key as it is answered.
pub(crate) fn store(
    connection: &Connection,
    record: &IdempotencyRecord,
    key: &ApiKey,
    now: Timestamp,
) -> Result<(), Failure> {
    let (forgotten, answered) = (IdempotencyRecord::forgotten(now), Answered(key.clone()));
    let values = Values::of("forgotten", &forgotten).record(OF_REQUEST, record);
    let values = values.and("key_id", &key.id).and("at", &now).and("answered", &answered);
    sql::execute(connection, &FORGET, &values)?;
    sql::execute(connection, &STORE, &values)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_forgotten_is_found_by_its_time() {
        let plan = crate::schema::plan(&FORGET);
        assert!(plan.iter().any(|step| step.contains("idempotency_keys_by_time (at<?)")), "{plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{plan:?}");
    }
}
