//! Whether two sessions exclude each other. Triggers take an advisory lock that ends with the transaction, so that the
//! order of the change feed is that of the commits, and ids are unique also among what is not committed yet. Some
//! databases that speak PostgreSQL's protocol accept both and do neither, and a proxy may lead two sessions to two
//! servers. So it is tried, and nothing of it stays.

use tokio::time::timeout;
use tokio_postgres::{Client, SimpleQueryMessage, error::SqlState};
use uuid::Uuid;

use crate::{connector::Connector, failure::Failure, schema::SchemaError};

/// Tries it with two connections of `connector`; false where the server has not so many left.
///
/// # Errors
/// [`SchemaError::Unfit`] where they do not exclude each other.
pub(crate) async fn exclusion(connector: &Connector) -> Result<bool, SchemaError> {
    // One after the other: whoever finds the password changed reads the new one for both.
    let opened = async { Ok::<_, Failure>((connector.open().await?, connector.open().await?)) };
    let tried = match opened.await {
        Ok((one, other)) => {
            timeout(connector.limit(), fault(&one, &other)).await.unwrap_or(Err(Failure::Timeout))
        }
        Err(failure) if failure.is_about_their_number() => return Ok(false),
        Err(failure) => Err(failure),
    };
    match tried.map_err(|failure| failure.during("try whether two sessions exclude each other"))? {
        Some(reason) => Err(SchemaError::Unfit(reason.into())),
        None => Ok(true),
    }
}

/// What is left open ends with the connections.
async fn fault(one: &Client, other: &Client) -> Result<Option<&'static str>, Failure> {
    let row = one.query_typed_one("SELECT gen_random_uuid()", &[]).await?;
    let id: Uuid = row.try_get(0).map_err(|_| Failure::UnreadableRow)?;
    // Another lock each time, so that servers which start together do not take each other's for their own; negative,
    // and so none of the service's.
    let key = id.as_u64_pair().0.cast_signed() | i64::MIN;
    let lock = format!("SELECT pg_try_advisory_xact_lock({key})");
    let add = format!("INSERT INTO replicas (id, lease, renewals, retired) VALUES ('{id}', 1, 0, true)");

    one.batch_execute(&format!("BEGIN; SELECT pg_advisory_xact_lock({key}); {add}")).await?;
    // The row is in the other's way until the end, and to have to wait is enough of an answer.
    if taken(other, &format!("BEGIN; SET LOCAL lock_timeout = '10ms'; {lock}")).await? {
        return Ok(Some("its advisory locks exclude nobody, or two sessions lead to two servers"));
    }
    match other.batch_execute(&add).await.map_err(Failure::from) {
        Err(failure) if failure.is_constraint() || failure.is(&SqlState::LOCK_NOT_AVAILABLE) => {}
        Err(failure) => return Err(failure),
        Ok(()) => return Ok(Some("two sessions can add the same id to a table at once")),
    }
    one.batch_execute("ROLLBACK").await?;
    let free = taken(other, &format!("ROLLBACK; {lock}")).await?;
    Ok((!free).then_some("its advisory locks do not end with their transactions"))
}

/// Whether the statement, which is the last of these, got the lock.
async fn taken(client: &Client, statements: &str) -> Result<bool, Failure> {
    let answers = client.simple_query(statements).await?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    row.map(|row| row.get(0) == Some("t")).ok_or(Failure::UnreadableRow)
}
