//! Whether the database has a schema that this program can work with.

use std::borrow::Cow;

use capykeys_domain::ports::Unavailable;
use capykeys_migrations::{APPLIED, Applied, Migration, Misfit, fits, migrations};
use capykeys_storage::operation::CHECK_READINESS;
use tokio_postgres::{Client, Row, error::SqlState};

use crate::{failure::Failure, fitness};

/// The migrations that this program knows, oldest first.
pub const MIGRATIONS: &[Migration] = &migrations!();

/// The last migration without which this program does not work. Those after it may be missing.
pub const OLDEST_SCHEMA: i32 = 17;

/// Why the schema cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database did not say.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// It is too old, or too new.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The database cannot keep what it is given, or something of the schema is missing.
    #[error("the database cannot be used: {0}")]
    Unfit(Cow<'static, str>),
}

/// What to make of the outcome of [`fitness::SERVED`].
pub(crate) fn judge(outcome: Result<Vec<Row>, Failure>) -> Result<(), SchemaError> {
    let rows = fitting(outcome)?;
    let place = rows.first().and_then(|row| row.try_get("fault").ok());
    let place = place.ok_or_else(|| Failure::UnreadableRow.during(CHECK_READINESS))?;
    fitness::fault(place).map_or(Ok(()), |reason| Err(SchemaError::Unfit(reason.into())))
}

/// Asks on a connection of its own right.
pub(crate) async fn check(client: &Client) -> Result<(), SchemaError> {
    fitting(client.query_typed(APPLIED, &[]).await.map_err(Failure::from)).map(drop)
}

/// The outcome of [`APPLIED`], where what was applied fits.
fn fitting(outcome: Result<Vec<Row>, Failure>) -> Result<Vec<Row>, SchemaError> {
    let rows = match outcome {
        Err(failure) if failure.is(&SqlState::UNDEFINED_TABLE) => Ok(Vec::new()),
        outcome => outcome.map_err(|failure| failure.during(CHECK_READINESS)),
    }?;
    let applied = applied(&rows).map_err(|failure| failure.during(CHECK_READINESS))?;
    fits(MIGRATIONS, OLDEST_SCHEMA, &applied)?;
    Ok(rows)
}

/// What the rows of [`APPLIED`] say.
pub(crate) fn applied(rows: &[Row]) -> Result<Vec<Applied>, Failure> {
    let read = |row: &Row| {
        Ok(Applied {
            version: row.try_get("version")?,
            oldest_schema: row.try_get("oldest_schema")?,
            checksum: row.try_get("checksum")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, tokio_postgres::Error>>().map_err(|_| Failure::UnreadableRow)
}
