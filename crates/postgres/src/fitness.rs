//! Whether a database can keep what it is given, and whether all is there that the migrations have made.
//! Neither is certain: an operator chose the first, and a restore may have left out some of the second.

use std::{fmt::Write, sync::LazyLock};

use capykeys_migrations::APPLIED;
use capykeys_storage::{Columns, operation};
use tokio_postgres::Client;

use crate::{failure::Failure, line::answer, statement::Statement};

/// A condition in SQL under which the database is not used, and why.
type Fault = (&'static str, &'static str);

/// What the database must be before it is migrated.
const BY_ITS_NATURE: [Fault; 2] = [
    ("current_setting('server_version_num')::int < 140000", "the server is older than PostgreSQL 14"),
    (
        "current_setting('server_encoding') <> 'UTF8'",
        "the database's encoding is not UTF8, so that it cannot keep every name: make another with ENCODING 'UTF8'",
    ),
];

const BEFORE_MIGRATION: [Fault; 3] = [
    ("current_schema() IS NULL", "there is no schema of the search path: make it, or set search_path"),
    (
        "NOT has_schema_privilege(current_schema(), 'CREATE')",
        "this role may not make tables in the schema: run crates/postgres/roles.sql, or use the migrations' role",
    ),
    (
        "to_regclass('api_keys') IS NOT NULL AND to_regclass('refinery_schema_history') IS NULL",
        "the tables are there, but not refinery_schema_history: restore it too",
    ),
];

/// What must hold while the database is served from.
const IN_SERVICE: [Fault; 10] = [
    (
        "current_setting('default_transaction_isolation') <> 'read committed'",
        "default_transaction_isolation is not `read committed`: set it so for this role",
    ),
    (
        "current_setting('client_min_messages') = 'error'",
        "client_min_messages is `error`, so that nobody is told of a commit that reached no standby: make it `warning`",
    ),
    (
        // A restore with --disable-triggers that did not end leaves them so.
        "current_setting('session_replication_role') = 'replica' OR 6 > (SELECT count(*) FROM pg_trigger \
         WHERE tgrelid IN (to_regclass('api_keys'), to_regclass('organizations')) AND tgenabled IN ('O', 'A') \
             AND tgfoid IN (to_regprocedure('record_changes()'), to_regprocedure('record_brought()')))",
        "changes would not be told: the triggers of api_keys and organizations are missing or disabled \
         (restore the schema again, or ALTER TABLE … ENABLE TRIGGER ALL)",
    ),
    (
        "2 > (SELECT count(*) FROM pg_trigger WHERE tgenabled IN ('O', 'A') \
             AND tgfoid IN (to_regprocedure('record_expired_events()'), to_regprocedure('record_events_end()')))",
        "readers of the audit log would miss events: the triggers of audit_events and history_lines are missing or \
         disabled (restore the schema again, or ALTER TABLE … ENABLE TRIGGER ALL)",
    ),
    (
        "15 > (SELECT count(*) FROM pg_constraint WHERE convalidated AND contype IN ('p', 'u', 'f') \
         AND conrelid IN (to_regclass('organizations'), to_regclass('api_keys'), to_regclass('audit_events'), \
             to_regclass('audit_lines'), to_regclass('audit_retention'), to_regclass('brought_secrets'), to_regclass('changes'), \
             to_regclass('history_lines'), to_regclass('replicas'), to_regclass('peppers')))",
        "keys or references of the tables are missing: the restore was not complete",
    ),
    (
        "EXISTS (SELECT FROM api_keys) AND NOT EXISTS (SELECT FROM organizations)",
        "there are keys and no organizations: restore the table organizations too",
    ),
    (
        // No right to read the sequence, no verdict on it.
        "(SELECT COALESCE(s.last_value, 0) < GREATEST((SELECT max(sequence) FROM audit_events), \
             (SELECT max(expired_through) FROM audit_retention)) FROM pg_sequences s \
         WHERE s.schemaname = current_schema() AND s.sequencename = 'audit_events_sequence_seq' \
             AND has_sequence_privilege('audit_events_sequence_seq', 'SELECT'))",
        "the audit log's numbers begin below those that are there: run `capykeys migrate`",
    ),
    (
        // Whoever follows the log relies on it.
        "EXISTS (SELECT FROM pg_sequences s WHERE s.schemaname = current_schema() \
             AND s.sequencename = 'audit_events_sequence_seq' \
             AND (s.cache_size <> 1 OR s.increment_by <> 1 OR s.cycle))",
        "the audit log's numbers are not given one after the other: run ALTER TABLE audit_events ALTER COLUMN sequence \
         SET CACHE 1 SET INCREMENT 1 SET NO CYCLE",
    ),
    (
        "NOT (has_table_privilege('organizations', 'INSERT') AND has_table_privilege('api_keys', 'INSERT') \
         AND has_column_privilege('organizations', 'slug', 'UPDATE') \
         AND has_column_privilege('organizations', 'suspended_at', 'UPDATE') \
         AND has_column_privilege('api_keys', 'revoked_at', 'UPDATE') \
         AND has_column_privilege('api_keys', 'last_used_at', 'UPDATE') \
         AND has_column_privilege('api_keys', 'digest', 'UPDATE') \
         AND has_column_privilege('api_keys', 'disabled_at', 'UPDATE') \
         AND has_table_privilege('idempotency_keys', 'DELETE') \
         AND has_column_privilege('audit_events', 'details', 'INSERT') AND has_table_privilege('changes', 'SELECT') \
         AND has_table_privilege('brought_secrets', 'SELECT') \
         AND has_table_privilege('history_lines', 'INSERT') AND has_table_privilege('replicas', 'UPDATE') \
         AND has_table_privilege('replicas', 'DELETE') AND has_table_privilege('peppers', 'INSERT') \
         AND has_column_privilege('peppers', 'turn', 'UPDATE'))",
        "this role lacks a right: run crates/postgres/roles.sql",
    ),
    (
        "current_setting('transaction_read_only') = 'on' AND NOT pg_is_in_recovery()",
        "default_transaction_read_only is on",
    ),
];

/// The settings with which the server may lose what it has acknowledged. What a standby has only written, and not
/// flushed, goes with that one's machine; where there need not be a standby, less than `on` makes no difference, `off`
/// apart. The service's own commits that count wait for more than is set, and those of others do not.
pub(crate) static RISKS: LazyLock<Statement> = LazyLock::new(|| {
    Statement::of_value(
        "find_risks",
        "",
        "concat_ws(', ', \
             CASE WHEN current_setting('fsync') = 'off' THEN 'fsync' END, \
             CASE WHEN current_setting('synchronous_commit') = 'off' \
                 OR (current_setting('synchronous_commit') IN ('local', 'remote_write') \
                     AND current_setting('synchronous_standby_names') <> '') THEN 'synchronous_commit' END, \
             CASE WHEN current_setting('full_page_writes') = 'off' THEN 'full_page_writes' END)",
    )
});

fn served() -> impl Iterator<Item = &'static Fault> {
    BY_ITS_NATURE.iter().chain(&IN_SERVICE)
}

/// The first fault's place in the list; NULL where there is none.
fn first_of<'a>(faults: impl Iterator<Item = &'a Fault>) -> String {
    let mut case = "CASE".to_owned();
    for (place, (condition, _)) in faults.enumerate() {
        // Writing to a string does not fail.
        let _ = write!(case, " WHEN {condition} THEN {place}");
    }
    case + " END"
}

/// What was applied and, beside each, the first fault, as far as the server may be believed.
pub(crate) static SERVED: LazyLock<Statement> = LazyLock::new(|| {
    let query = format!(
        "SELECT true AS found, version, oldest_schema, checksum, {} AS fault FROM ({APPLIED}) applied",
        first_of(served())
    );
    let columns = Columns::named(&["version", "oldest_schema", "checksum", "fault"]);
    Statement::new(operation::CHECK_READINESS, &answer(&columns, &query))
});

/// Why the database is not served from, by what [`SERVED`] has found.
pub(crate) fn fault(place: Option<i32>) -> Option<&'static str> {
    served().nth(usize::try_from(place?).unwrap_or(usize::MAX)).map(|(_, reason)| *reason)
}

/// Which rights this role lacks on the tables that are there. Whoever lacks one is told no more by the server than that
/// something was denied.
pub(crate) async fn lacking(client: &Client) -> Result<Option<String>, Failure> {
    const LACKING: &str = "SELECT string_agg(needed.privilege || ' on ' || needed.relation, ', ') FROM (VALUES \
        ('refinery_schema_history', 'SELECT'), ('capykeys_schema', 'SELECT'), ('organizations', 'SELECT'), \
        ('organizations', 'INSERT'), ('organizations', 'UPDATE'), ('api_keys', 'SELECT'), ('api_keys', 'INSERT'), \
        ('api_keys', 'UPDATE'), ('audit_events', 'SELECT'), ('audit_events', 'INSERT'), \
        ('audit_retention', 'SELECT'), ('audit_lines', 'SELECT'), ('changes', 'SELECT'), \
        ('brought_secrets', 'SELECT'), \
        ('history_lines', 'SELECT'), ('history_lines', 'INSERT'), ('replicas', 'SELECT'), ('replicas', 'INSERT'), \
        ('replicas', 'UPDATE'), ('peppers', 'SELECT'), ('peppers', 'INSERT'), ('peppers', 'UPDATE'), \
        ('idempotency_keys', 'SELECT'), ('idempotency_keys', 'INSERT'), ('idempotency_keys', 'UPDATE')\
        ) AS needed (relation, privilege) \
        WHERE NOT has_any_column_privilege(to_regclass(needed.relation), needed.privilege)";
    let row = client.query_typed_one(LACKING, &[]).await?;
    let lacking: Option<String> = row.try_get(0).map_err(|_| Failure::UnreadableRow)?;
    Ok(lacking.map(|lacking| format!("this role lacks {lacking}: run crates/postgres/roles.sql")))
}

/// Why the database must not be migrated.
pub(crate) async fn before_migration(client: &Client) -> Result<Option<&'static str>, Failure> {
    let faults: Vec<&Fault> = BY_ITS_NATURE.iter().chain(&BEFORE_MIGRATION).collect();
    let first = format!("SELECT {}", first_of(faults.iter().copied()));
    let row = client.query_typed_one(&first, &[]).await?;
    let place: Option<i32> = row.try_get(0).map_err(|_| Failure::UnreadableRow)?;
    let place = place.and_then(|place| usize::try_from(place).ok());
    Ok(place.and_then(|place| faults.get(place)).map(|(_, reason)| *reason))
}
