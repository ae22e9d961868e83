//! The migrations of a store, and which programs may work on the schema that they make.
//!
//! Programs are replaced one by one, so that a schema is worked on by the program that made it and by
//! the one before. A migration therefore says in its head which schema a program must know at least to
//! go on after it (`-- oldest schema: 6`), and that is recorded with it: a program learns from the
//! database whether it may go on, of migrations too that came after it.
//!
//! Up to version 6 a library named refinery applied the migrations and recorded them, and programs of
//! that time ask its table alone. So these are recorded there as they were, and so is what such a
//! program may not work on; all others have a table of their own.

use std::{
    fmt,
    hash::{Hash, Hasher},
    ops::RangeInclusive,
};

use siphasher::sip::SipHasher13;

/// The last version that refinery has recorded.
const OF_REFINERY: i32 = 6;
/// Begins the line of a migration's head that names the oldest schema.
const OLDEST_SCHEMA: &str = "-- oldest schema: ";

/// Asks both stores for each migration that was applied: its version, the oldest schema that may go on
/// after it, and its checksum. After one that refinery's table alone has, only a program may that knows it.
pub const APPLIED: &str = "SELECT version, oldest_schema, checksum FROM capykeys_schema UNION ALL \
    SELECT version, version, checksum FROM refinery_schema_history \
    WHERE version NOT IN (SELECT version FROM capykeys_schema)";

/// The migrations of the adapter that says so, oldest first. All stores have the same, each in files of
/// its own: `1 "initial"` is `migrations/V1__initial.sql`.
#[macro_export]
macro_rules! migrations {
    () => {
        $crate::migrations![
            1 "initial",
            2 "change_feed",
            3 "changes_by_statement",
            4 "replicas",
            5 "restores_and_peppers",
            6 "operators",
            7 "scopes_by_name",
            8 "events",
            9 "disabled_keys",
            10 "filtered_lists",
            11 "rotation",
            12 "rotation_indexes",
            13 "brought_secrets",
            14 "idempotency_keys",
            15 "lineage",
            16 "lists_by_maker",
            17 "expiry_notices",
            18 "expiry_notices_index",
        ]
    };
    ($($version:literal $name:literal,)+) => {
        [$($crate::Migration::new(
            $version,
            $name,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/V", $version, "__", $name, ".sql")),
        )),+]
    };
}

/// What leads from one schema to the next. Once released, it is never changed.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    version: i32,
    name: &'static str,
    sql: &'static str,
}

impl Migration {
    /// The statements `sql`, of which none begins or ends a transaction.
    #[must_use]
    pub const fn new(version: i32, name: &'static str, sql: &'static str) -> Self {
        Self { version, name, sql }
    }

    /// Its number.
    #[must_use]
    pub const fn version(&self) -> i32 {
        self.version
    }

    /// The oldest schema whose programs may go on after it: its own, where it does not say.
    #[must_use]
    pub fn oldest_schema(&self) -> i32 {
        let mut head = self.sql.lines().take_while(|line| line.starts_with("--"));
        let said = head.find_map(|line| line.strip_prefix(OLDEST_SCHEMA)?.parse().ok());
        said.unwrap_or(self.version)
    }

    /// What tells whether it was changed. As refinery computes it, which has recorded some.
    #[must_use]
    pub fn checksum(&self) -> String {
        let mut hasher = SipHasher13::new();
        (self.name, self.version, self.sql).hash(&mut hasher);
        hasher.finish().to_string()
    }

    /// The statements that apply it and record that, to be run in one transaction. `now` gives the time
    /// as RFC 3339 has it, in the SQL of the store.
    #[must_use]
    pub fn script(&self, now: &str) -> String {
        let Self { version, name, sql } = self;
        let (checksum, oldest) = (self.checksum(), self.oldest_schema());
        let [mut by_refinery, mut by_us] = [String::new(), String::new()];
        if *version <= OF_REFINERY || oldest > OF_REFINERY {
            by_refinery = format!(
                "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
                 VALUES ({version}, '{name}', {now}, '{checksum}');"
            );
        }
        if *version > OF_REFINERY {
            by_us = format!(
                "INSERT INTO capykeys_schema (version, name, checksum, oldest_schema) \
                 VALUES ({version}, '{name}', '{checksum}', {oldest});"
            );
        }
        [sql, "\n;", &by_refinery, &by_us].concat()
    }
}

/// As its file is called.
impl fmt::Display for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{}__{}", self.version, self.name)
    }
}

/// A migration that was applied to a database, as that has recorded it.
#[derive(Clone, Debug)]
pub struct Applied {
    /// Its number.
    pub version: i32,
    /// The oldest schema whose programs may go on after it.
    pub oldest_schema: i32,
    /// [`Migration::checksum`] of what was applied.
    pub checksum: String,
}

/// Why a program and a database do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Nobody ever migrated it.
    #[error(
        "the database has no schema of this program, or not all of its tables: run `capykeys migrate`, or restore what is missing"
    )]
    NotMigrated,
    /// A migration is missing that the program needs.
    #[error("the database's schema is older than this program: run `capykeys migrate`")]
    Outdated,
    /// A newer program has applied this migration, on which this one may not work.
    #[error("the database's schema, version {0}, is newer than this program and not made for it")]
    Newer(i32),
    /// A migration that was applied is not what the program knows under its version.
    #[error("migration {0} was applied in another form than this program knows")]
    Divergent(String),
}

/// A table that shows that migrations were applied, whatever is recorded of them: a restore of single tables can leave
/// their records out, and then nothing must be applied again.
#[derive(Debug)]
pub struct Trace {
    /// The table.
    pub table: &'static str,
    /// What is missing where it is there.
    pub missing: &'static str,
    /// Of these versions one is recorded where it is.
    recorded: RangeInclusive<i32>,
}

const TRACES: [Trace; 2] = [
    Trace {
        table: "api_keys",
        missing: "rows of refinery_schema_history are missing: restore them too",
        recorded: 1..=OF_REFINERY,
    },
    Trace {
        table: "audit_retention",
        missing: "rows of capykeys_schema are missing: restore them too",
        recorded: 8..=i32::MAX,
    },
];

/// The tables that cannot be there, by what is recorded.
pub fn unrecorded(applied: &[Applied]) -> impl Iterator<Item = &'static Trace> {
    TRACES.iter().filter(|trace| !applied.iter().any(|one| trace.recorded.contains(&one.version)))
}

/// Whether a program may work on a database, where it knows these migrations and needs those up to the
/// version `needed`.
///
/// # Errors
/// [`Misfit`].
pub fn fits(known: &[Migration], needed: i32, applied: &[Applied]) -> Result<(), Misfit> {
    if applied.is_empty() {
        return Err(Misfit::NotMigrated);
    }
    none_is_too_new(known, applied)?;
    let mut needed = known.iter().filter(|migration| migration.version <= needed);
    if needed.any(|migration| find(applied, migration).is_none()) { Err(Misfit::Outdated) } else { Ok(()) }
}

/// Those of the known migrations that are still to be applied, in the order in which they are known: one
/// that comes late too, with a lower number than another that was applied.
///
/// # Errors
/// [`Misfit`] where none may be.
pub fn pending<'a>(known: &'a [Migration], applied: &[Applied]) -> Result<Vec<&'a Migration>, Misfit> {
    none_is_too_new(known, applied)?;
    let mut pending = Vec::new();
    for migration in known {
        match find(applied, migration) {
            None => pending.push(migration),
            Some(applied) if applied.checksum == migration.checksum() => {}
            Some(_) => return Err(Misfit::Divergent(migration.to_string())),
        }
    }
    Ok(pending)
}

/// Whether a migration was applied that is not among these.
#[must_use]
pub fn is_newer(known: &[Migration], applied: &[Applied]) -> bool {
    applied.iter().any(|applied| known.iter().all(|migration| migration.version != applied.version))
}

fn find<'a>(applied: &'a [Applied], migration: &Migration) -> Option<&'a Applied> {
    applied.iter().find(|applied| applied.version == migration.version)
}

fn none_is_too_new(known: &[Migration], applied: &[Applied]) -> Result<(), Misfit> {
    // Where the program knows one and not those before it, it does not know that schema.
    let without_gap = known.iter().zip(1..).take_while(|(migration, version)| migration.version == *version);
    let schema = without_gap.last().map_or(0, |(migration, _)| migration.version);
    let unknown = |applied: &&Applied| known.iter().all(|migration| migration.version != applied.version);
    let too_new = applied.iter().filter(unknown).find(|applied| applied.oldest_schema > schema);
    too_new.map_or(Ok(()), |applied| Err(Misfit::Newer(applied.version)))
}

#[cfg(test)]
mod tests;
