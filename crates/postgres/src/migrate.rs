//! Bringing a database to the schema that this program knows.

use std::time::{Duration, Instant};

use capykeys_migrations::{APPLIED, Migration, Misfit, pending, unrecorded};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, error::SqlState, types::Type};

use crate::{
    connector::connect,
    failure::Failure,
    fitness,
    line::KEPT_IN_SESSION,
    schema::{self, MIGRATIONS},
    settings::PostgresSettings,
    settings_error::SettingsError,
    tls::Tls,
};

/// What the advisory lock of the migrations is called: `capykeys` in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"capykeys");
/// How long to wait for another program that migrates.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait between two tries for the lock, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long opening the connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Whatever the database's own settings are: the migrations are read as they are meant, take as long as they do, and wait for
/// nobody for longer than the servers' operations may take, for these wait behind it.
const SESSION: &str = "SET statement_timeout = 0; SET lock_timeout = '200ms'; SET standard_conforming_strings = on; SET default_transaction_isolation = 'read committed'";
/// Where migrations are recorded. Programs up to migration 6 read the first table through a library, which
/// made it just so.
const RECORDS: &str = "CREATE TABLE IF NOT EXISTS refinery_schema_history (\
        version int4 PRIMARY KEY, name varchar(255), applied_on varchar(255), checksum varchar(255)); \
    CREATE TABLE IF NOT EXISTS capykeys_schema (\
        version int4 PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, \
        applied_at timestamptz NOT NULL DEFAULT now(), oldest_schema int4 NOT NULL)";
/// The time as RFC 3339 has it.
const NOW: &str = r#"to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"#;
/// What a restore of single tables leaves behind: the feed without an end.
const MEND: &str = "SELECT feed_end()";
/// And the audit log's numbers at their beginning. Where its last ones stand, of events that are there and of those
/// that were taken out.
pub(crate) const NUMBERS: [(&str, &str); 2] =
    [("audit_events", "sequence"), ("audit_retention", "expired_through")];

/// The migrations that were applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// Their names, such as `V1__initial`, in the order in which they were applied; empty where the
    /// schema was up to date.
    pub applied: Vec<String>,
}

/// Why a database was not migrated. It holds nothing of the database's own words.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The settings cannot be used.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database cannot be reached or refused; migrations that were applied before stay applied.
    #[error("the migration failed: {0}")]
    Failed(String),
    /// Another program is migrating, and did not end in time.
    #[error("another program is migrating the database and did not end within {}s", PATIENCE.as_secs())]
    Locked,
    /// What was applied before does not allow it.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// The database cannot keep what it will be given, or is not restored completely.
    #[error("the database cannot be migrated: {0}")]
    Unfit(&'static str),
}

impl From<Failure> for MigrateError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

/// Applies those of [`MIGRATIONS`] that the database lacks, in their order, each in a transaction.
///
/// Several programs may do so at once: one works, the others wait for it. That takes an advisory
/// lock of a session, so the URL must lead to the server itself and not to a pooler in transaction
/// mode. A migration gives up rather than keep others waiting behind it for a lock.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(settings: &PostgresSettings) -> Result<Migrated, MigrateError> {
    migrate_with(settings, MIGRATIONS).await
}

/// [`migrate`] by a program that knows other migrations.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate_with(
    settings: &PostgresSettings,
    known: &[Migration],
) -> Result<Migrated, MigrateError> {
    let mut config = settings.driver_config()?;
    config.connect_timeout(CONNECT).application_name("capykeys migrate");
    let tls = Tls::for_config(&config).map_err(SettingsError::from)?;
    let opened = timeout(CONNECT, connect(&config, &tls)).await;
    let (client, mut driver) = opened.map_err(|_| Failure::Timeout)?.map_err(Failure::from)?;
    let outcome = apply(&client, known).await;
    // The lock is held by the connection, and the server knows of its end when this has ended.
    drop(client);
    let _ = timeout(CONNECT, driver.ended()).await;
    if driver.take_unreplicated() {
        return Err(Failure::Unreplicated.into());
    }
    outcome
}

async fn apply(client: &Client, known: &[Migration]) -> Result<Migrated, MigrateError> {
    lock(client).await?;
    client.batch_execute(SESSION).await.map_err(Failure::from)?;
    client.batch_execute(KEPT_IN_SESSION).await.map_err(Failure::from)?;
    if let Some(reason) = fitness::before_migration(client).await? {
        return Err(MigrateError::Unfit(reason));
    }
    client.batch_execute(RECORDS).await.map_err(Failure::from)?;
    let rows = client.query_typed(APPLIED, &[]).await.map_err(Failure::from)?;
    let applied = schema::applied(&rows)?;
    for trace in unrecorded(&applied) {
        if is_there(client, trace.table).await? {
            return Err(MigrateError::Unfit(trace.missing));
        }
    }
    let pending = pending(known, &applied)?;
    for migration in &pending {
        let outcome = run(client, &migration.script(NOW)).await;
        outcome.map_err(|failure| MigrateError::Failed(format!("{migration}: {failure}")))?;
    }
    client.batch_execute(MEND).await.map_err(Failure::from)?;
    for (table, column) in NUMBERS {
        if is_there(client, table).await? {
            client.batch_execute(&numbers_go_on_after(table, column)).await.map_err(Failure::from)?;
        }
    }
    Ok(Migrated { applied: pending.iter().map(ToString::to_string).collect() })
}

async fn is_there(client: &Client, table: &str) -> Result<bool, Failure> {
    let found = client.query_typed_one("SELECT to_regclass($1) IS NOT NULL", &[(&table, Type::TEXT)]).await?;
    Ok(found.try_get(0)?)
}

/// Lets the audit log's next number be a later one than all in this column.
pub(crate) fn numbers_go_on_after(table: &str, column: &str) -> String {
    format!(
        "SELECT setval(s.name, s.last) FROM (\
             SELECT pg_get_serial_sequence('audit_events', 'sequence') AS name, max({column}) AS last FROM {table}\
         ) s JOIN audit_events_sequence_seq q \
             ON s.last > q.last_value OR (s.last = q.last_value AND NOT q.is_called)"
    )
}

/// Runs the script in a transaction, as what is sent together is. Where somebody else has locked a table, it
/// is tried again, so that the servers get their turn meanwhile.
async fn run(client: &Client, script: &str) -> Result<(), Failure> {
    let start = Instant::now();
    loop {
        match client.batch_execute(script).await.map_err(Failure::from) {
            Err(failure) if failure.is(&SqlState::LOCK_NOT_AVAILABLE) && start.elapsed() < PATIENCE => {
                sleep(BACK_OFF.1).await;
            }
            outcome => return outcome,
        }
    }
}

/// Tried again and again, because a statement that waits in the server would hold back a
/// `CREATE INDEX CONCURRENTLY` of the one that has the lock.
async fn lock(client: &Client) -> Result<(), MigrateError> {
    let (mut pause, longest) = BACK_OFF;
    let start = Instant::now();
    loop {
        let locked = client
            .query_typed_one("SELECT pg_try_advisory_lock($1)", &[(&LOCK, Type::INT8)])
            .await
            .and_then(|row| row.try_get(0))
            .map_err(Failure::from)?;
        if locked {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(MigrateError::Locked);
        }
        sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}
