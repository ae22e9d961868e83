//! Bringing a database to the schema that this program knows.

use std::time::{Duration, Instant};

use refinery::{Runner, error::Kind};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, types::Type};

use crate::{
    connector::connect,
    failure::Failure,
    fitness,
    settings::{PostgresSettings, SettingsError},
    tls::Tls,
};

mod embedded {
    refinery::embed_migrations!("migrations");
}

/// What the advisory lock of the migrations is called: `capykeys` in ASCII.
const LOCK: i64 = i64::from_be_bytes(*b"capykeys");
/// How long to wait for another program that migrates.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to wait between two tries for the lock, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How long opening the connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// Whatever the database's own settings are: the migrations are read as they are meant, and each waits
/// for nobody for long.
const SESSION: &str = "SET lock_timeout = '5s'; SET standard_conforming_strings = on; SET default_transaction_isolation = 'read committed'";
/// Fails where there is no such table.
const RECORDED: &str =
    "SELECT EXISTS (SELECT FROM refinery_schema_history) OR to_regclass('api_keys') IS NULL";
/// What a restore of single tables leaves behind: the feed without an end, and the audit log's numbers
/// at their beginning.
const MEND: &str = "SELECT feed_end(); \
    SELECT setval(s.name, s.last) FROM (\
        SELECT pg_get_serial_sequence('audit_events', 'sequence') AS name, max(sequence) AS last \
        FROM audit_events\
    ) s JOIN audit_events_sequence_seq q ON s.last > q.last_value OR (s.last = q.last_value AND NOT q.is_called)";

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
    /// An applied migration is not what this program knows under its version.
    #[error("migration {0} was applied in another form than this program knows")]
    Divergent(String),
    /// The database was migrated by a newer program.
    #[error("migration {0} was applied, which this program does not know: it is too old for the database")]
    Unknown(String),
    /// The database cannot keep what it will be given, or is not restored completely.
    #[error("the database cannot be migrated: {0}")]
    Unfit(&'static str),
}

impl From<Failure> for MigrateError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

impl From<refinery::Error> for MigrateError {
    fn from(error: refinery::Error) -> Self {
        match error.kind() {
            Kind::DivergentVersion(applied, _) => Self::Divergent(applied.to_string()),
            Kind::MissingVersion(migration) => Self::Unknown(migration.to_string()),
            Kind::Connection(_, source) => Self::Failed(
                source
                    .downcast_ref::<tokio_postgres::Error>()
                    .and_then(tokio_postgres::Error::code)
                    .map_or_else(|| "connection lost".to_owned(), |code| format!("SQLSTATE {}", code.code())),
            ),
            _ => Self::Failed("the embedded migrations are not valid".to_owned()),
        }
    }
}

/// Applies the migrations that the database lacks, in their order, each in a transaction.
///
/// Several programs may do so at once: one works, the others wait for it. That takes an advisory
/// lock of a session, so the URL must lead to the server itself and not to a pooler in transaction
/// mode. A migration gives up rather than keep others waiting behind it for a lock.
///
/// # Errors
/// [`MigrateError`].
pub async fn migrate(settings: &PostgresSettings) -> Result<Migrated, MigrateError> {
    let mut config = settings.driver_config()?;
    config.connect_timeout(CONNECT).application_name("capykeys migrate");
    let tls = Tls::for_config(&config).map_err(SettingsError::from)?;
    let opened = timeout(CONNECT, connect(&config, &tls)).await;
    let (mut client, driver) = opened.map_err(|_| Failure::Timeout)?.map_err(Failure::from)?;
    let mut driver = scopeguard::guard(driver, |driver| driver.abort());
    let outcome = apply(&mut client).await;
    // The lock is held by the connection, and the server knows of its end when this has ended.
    drop(client);
    let _ = timeout(CONNECT, &mut *driver).await;
    outcome
}

async fn apply(client: &mut Client) -> Result<Migrated, MigrateError> {
    lock(client).await?;
    client.batch_execute(SESSION).await.map_err(Failure::from)?;
    if let Some(reason) = fitness::before_migration(client).await? {
        return Err(MigrateError::Unfit(reason));
    }
    if let Ok(row) = client.query_typed_one(RECORDED, &[]).await
        && row.try_get(0).ok() == Some(false)
    {
        return Err(MigrateError::Unfit("refinery_schema_history is empty: restore its rows too"));
    }
    let report = runner().run_async(client).await?;
    client.batch_execute(MEND).await.map_err(Failure::from)?;
    Ok(Migrated { applied: report.applied_migrations().iter().map(ToString::to_string).collect() })
}

/// The version of the newest migration that this program knows.
pub(crate) fn latest() -> i32 {
    runner().get_migrations().iter().map(refinery::Migration::version).max().unwrap_or(0)
}

fn runner() -> Runner {
    embedded::migrations::runner().set_abort_divergent(true).set_abort_missing(true)
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
