//! The whole store in one state.

use std::{
    fs::{File, OpenOptions, TryLockError},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;
use capykeys_domain::{
    model::{AuditRecord, Sequence},
    ports::{
        Import, Limit, Snapshot, SnapshotPlace, StoreHead, StoredKey, StoredRows, Unavailable, WholeStore,
    },
};
use capykeys_storage::{Columns, Operation, Row as _, Values, operation};
use rusqlite::Connection;
use rustix::fs::fstatvfs;
use tokio::task::spawn_blocking;

use crate::{
    DEPENDENCY, SqliteStore,
    error::Failure,
    import, organizations, schema, sql,
    store::{FAILED, SYSTEM},
};

/// What is left on the disk beside a snapshot, for the server's writes.
const LEFT_BYTES: u64 = 32 * 1024 * 1024;

const COUNTS: &str = "SELECT (SELECT count(*) FROM organizations) AS organizations, \
     (SELECT count(*) FROM api_keys) AS keys, (SELECT count(*) FROM audit_events) AS events";
const PEPPERS: &str = "SELECT id, check_value, turn FROM peppers ORDER BY id";
const EXPIRED: &str = "SELECT coalesce((SELECT expired_through FROM audit_retention), 0) AS expired_through";
/// What stands there is before every id.
static KEYS: LazyLock<String> = LazyLock::new(|| {
    let columns = Columns::of::<StoredKey>("").from("k");
    format!(
        "SELECT {columns} FROM api_keys AS k WHERE k.id > coalesce($after, x'') ORDER BY k.id LIMIT $limit"
    )
});
static EVENTS: LazyLock<String> = LazyLock::new(|| {
    let columns = Columns::of::<AuditRecord>("").from("e");
    format!(
        "SELECT {columns} FROM audit_events AS e WHERE e.sequence > $after ORDER BY e.sequence LIMIT $limit"
    )
});

#[async_trait]
impl WholeStore for SqliteStore {
    /// A copy of the database is made beside it and read. A transaction that stayed open instead would let the log
    /// grow for as long as whoever reads takes, and a backup by steps begins anew at each write.
    async fn take_snapshot(&self) -> Result<Box<dyn Snapshot>, Unavailable> {
        let file = self.file().to_owned();
        let snapshot = on_a_thread(operation::TAKE_SNAPSHOT, move || SqliteSnapshot::take(&file)).await?;
        Ok(Box::new(snapshot))
    }

    async fn begin_import(&self) -> Result<Option<Box<dyn Import>>, Unavailable> {
        import::begin(self).await
    }
}

/// Does what may take as long as there is to read.
async fn on_a_thread<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Unavailable> {
    let working = async {
        match spawn_blocking(work).await {
            Ok(outcome) => outcome.map_err(|failure| failure.during(operation)),
            Err(_) => Err(Unavailable::new(DEPENDENCY, format_args!("{operation}: cut short"))),
        }
    };
    Operation::begin(SYSTEM, operation).complete(|_| FAILED, working).await
}

struct SqliteSnapshot {
    head: StoreHead,
    /// Closed before the copy goes.
    copy: Arc<Mutex<(Connection, CopiedFile)>>,
}

impl SqliteSnapshot {
    fn take(database: &Path) -> Result<Self, Failure> {
        let source = schema::open_reader(database)?;
        if schema::is_newer(&source)? {
            return Err(Failure::Snapshot(
                "the store's schema is newer than this program, which would leave something out: use the newer one",
            ));
        }
        let copy = CopiedFile::lock(database)?;
        copy.check_room(&source)?;
        sql::execute(&source, "VACUUM INTO $path", &Values::of("path", &copy.path()?))?;
        let connection = schema::open_reader(&copy.path)?;
        let head = read_head(&connection)?;
        Ok(Self { head, copy: Arc::new(Mutex::new((connection, copy))) })
    }
}

/// What there is besides the rows.
pub(crate) fn read_head(connection: &Connection) -> Result<StoreHead, Failure> {
    let none = Values::default();
    let expired = sql::each(connection, EXPIRED, &none, |row| row.field::<Sequence>("expired_through"))?;
    Ok(StoreHead {
        counts: sql::first(connection, COUNTS, &none)?.unwrap_or_default(),
        peppers: sql::all(connection, PEPPERS, &none)?,
        expired_through: expired.first().copied().unwrap_or_default(),
    })
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    fn head(&self) -> &StoreHead {
        &self.head
    }

    async fn read_rows(&mut self, place: SnapshotPlace, limit: Limit) -> Result<StoredRows, Unavailable> {
        let copy = Arc::clone(&self.copy);
        on_a_thread(operation::READ_ROWS, move || {
            read_rows(&copy.lock().unwrap_or_else(PoisonError::into_inner).0, place, limit)
        })
        .await
    }
}

fn read_rows(connection: &Connection, place: SnapshotPlace, limit: Limit) -> Result<StoredRows, Failure> {
    let values = Values::of("limit", &limit);
    Ok(match place {
        SnapshotPlace::Organizations(after) => StoredRows::Organizations(sql::all(
            connection,
            &organizations::LIST,
            &values.and("after", &after),
        )?),
        SnapshotPlace::Keys(after) => {
            StoredRows::Keys(sql::all(connection, &KEYS, &values.and("after", &after))?)
        }
        SnapshotPlace::Events(after) => {
            StoredRows::Events(sql::all(connection, &EVENTS, &values.and("after", &after))?)
        }
    })
}

/// A copy of the database beside it. One at a time is made: its file is locked, emptied at the end, and used
/// again by the next, so that one that was killed leaves no second one behind.
struct CopiedFile {
    path: PathBuf,
    locked: File,
}

impl CopiedFile {
    fn lock(database: &Path) -> Result<Self, Failure> {
        let mut name = database.as_os_str().to_owned();
        name.push("-snapshot");
        let path = PathBuf::from(name);
        let locked = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path)?;
        match locked.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::Snapshot("another backup or copy is under way"));
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        locked.set_len(0)?;
        Ok(Self { path, locked })
    }

    fn path(&self) -> Result<String, Failure> {
        let path = self.path.to_str().map(ToOwned::to_owned);
        path.ok_or(Failure::Snapshot("the folder's name is no UTF-8"))
    }

    /// A disk that is full stops the server's writes.
    fn check_room(&self, source: &Connection) -> Result<(), Failure> {
        const BYTES: &str = "SELECT page_count * page_size AS bytes FROM pragma_page_count, pragma_page_size";
        let bytes = sql::each(source, BYTES, &Values::default(), |row| row.field::<u64>("bytes"))?;
        let disk = fstatvfs(&self.locked).map_err(std::io::Error::from)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if bytes.first().is_some_and(|bytes| free < bytes.saturating_add(LEFT_BYTES)) {
            return Err(Failure::Snapshot(
                "the disk of the data directory has no room for a copy of the database",
            ));
        }
        Ok(())
    }
}

impl Drop for CopiedFile {
    fn drop(&mut self) {
        if self.locked.set_len(0).is_err() {
            tracing::warn!("the copy of the database that a backup was read from could not be emptied");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_off_an_index() {
        let plan = crate::schema::plan(&KEYS);
        assert_eq!(plan, ["SEARCH k USING INDEX sqlite_autoindex_api_keys_1 (id>?)"]);
        let plan = crate::schema::plan(&EVENTS);
        assert_eq!(plan, ["SEARCH e USING INTEGER PRIMARY KEY (rowid>?)"]);
    }
}
