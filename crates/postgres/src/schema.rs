//! Whether the database has the schema that this program knows.

use capykeys_domain::ports::Unavailable;
use tokio_postgres::{Client, Row, error::SqlState};

use crate::{
    failure::Failure,
    line::{OWN_COLUMNS, answer},
    migrate,
};

/// Which migration was applied last. Missing where nobody ever migrated.
const VERSION: &str = "SELECT max(version) FROM refinery_schema_history";

/// The same, as far as the server may be believed.
pub(crate) const SERVED_VERSION: &str =
    answer!("SELECT true AS found, max(version) FROM refinery_schema_history");

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
}

/// What to make of the outcome of [`SERVED_VERSION`].
pub(crate) fn judge(outcome: Result<Vec<Row>, Failure>) -> Result<(), SchemaError> {
    judge_column(outcome, OWN_COLUMNS)
}

fn judge_column(outcome: Result<Vec<Row>, Failure>, column: usize) -> Result<(), SchemaError> {
    let version = match outcome {
        Ok(rows) => match rows.first().map(|row| row.try_get::<_, Option<i32>>(column)) {
            Some(Ok(version)) => version,
            _ => return Err(Failure::UnreadableRow.during("check the schema").into()),
        },
        Err(failure) if failure.is(&SqlState::UNDEFINED_TABLE) => None,
        Err(failure) => return Err(failure.during("check the schema").into()),
    };
    compare(version, migrate::latest())
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
    judge_column(client.query_typed(VERSION, &[]).await.map_err(Failure::from), 0)
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
