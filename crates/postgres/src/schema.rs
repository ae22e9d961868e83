//! Whether the database has the schema that this program knows.

use capykeys_domain::ports::Unavailable;
use tokio_postgres::{Client, Row, error::SqlState};

use crate::{failure::Failure, fitness, line::OWN_COLUMNS, migrate};

/// Which migration was applied last. Missing where nobody ever migrated.
const VERSION: &str = "SELECT max(version) FROM refinery_schema_history";

/// Why the schema cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database did not say.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// There is no schema.
    #[error("the database has no schema of capykeys: run `capykeys migrate`")]
    NotMigrated,
    /// There are migrations that were not applied.
    #[error("the database's schema is older than this program: run `capykeys migrate`")]
    Outdated,
    /// A newer program migrated the database, to this version.
    #[error("the database's schema, version {0}, is newer than this program")]
    Unknown(i32),
    /// The database cannot keep what it is given, or something of the schema is missing.
    #[error("the database cannot be used: {0}")]
    Unfit(&'static str),
}

/// What to make of the outcome of [`fitness::SERVED`].
pub(crate) fn judge(outcome: Result<Vec<Row>, Failure>) -> Result<(), SchemaError> {
    let rows = known(version(outcome, OWN_COLUMNS)?)?;
    let place = rows.first().and_then(|row| row.try_get(OWN_COLUMNS + 1).ok());
    let place = place.ok_or_else(|| Failure::UnreadableRow.during("check the schema"))?;
    fitness::fault(place).map_or(Ok(()), |reason| Err(SchemaError::Unfit(reason)))
}

type Versioned = (Option<i32>, Vec<Row>);

fn version(outcome: Result<Vec<Row>, Failure>, column: usize) -> Result<Versioned, SchemaError> {
    match outcome {
        Ok(rows) => match rows.first().map(|row| row.try_get(column)) {
            Some(Ok(version)) => Ok((version, rows)),
            _ => Err(Failure::UnreadableRow.during("check the schema").into()),
        },
        Err(failure) if failure.is(&SqlState::UNDEFINED_TABLE) => Ok((None, Vec::new())),
        Err(failure) => Err(failure.during("check the schema").into()),
    }
}

fn known((version, rows): Versioned) -> Result<Vec<Row>, SchemaError> {
    compare(version, migrate::latest()).map(|()| rows)
}

fn compare(version: Option<i32>, known: i32) -> Result<(), SchemaError> {
    match version {
        None => Err(SchemaError::NotMigrated),
        Some(version) if version < known => Err(SchemaError::Outdated),
        Some(version) if version > known => Err(SchemaError::Unknown(version)),
        Some(_) => Ok(()),
    }
}

/// Asks on a connection of its own right.
pub(crate) async fn check(client: &Client) -> Result<(), SchemaError> {
    known(version(client.query_typed(VERSION, &[]).await.map_err(Failure::from), 0)?).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_known_version_is_good() {
        assert!(compare(Some(3), 3).is_ok());
        assert!(matches!(compare(None, 3), Err(SchemaError::NotMigrated)));
        assert!(matches!(compare(Some(2), 3), Err(SchemaError::Outdated)));
        assert!(matches!(compare(Some(4), 3), Err(SchemaError::Unknown(4))));
    }
}
