//! The database: made whole, opened beside other processes, opened again where the disk has failed it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    thread::sleep,
    time::{Duration, Instant},
};

use capykeys_domain::{model::Sequence, ports::Host};
use capykeys_storage::{Document, Event, Row as _};
use redb::{
    Builder, ConcurrencyMode, Database, ReadTransaction, ReadableDatabase, ReadableTable, TransactionError,
    WriteTransaction,
};
use tempfile::NamedTempFile;

use crate::{
    OpenError, directory,
    error::Failure,
    tables::{self, CHANGES, EPOCHS, FORMAT, NEWEST_EVENT, NUMBERS, Reads, number, put},
};

/// The format of the data that this program writes.
const KNOWN_FORMAT: i64 = 1;
/// What is kept of the file in memory.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
/// How often it is tried to write while another process does.
const RETRY: Duration = Duration::from_millis(1);

/// A database that any number of processes have open.
pub(crate) struct Shared {
    file: PathBuf,
    /// Of the file that was opened.
    identity: String,
    open: RwLock<Arc<Database>>,
}

impl Shared {
    /// Opens the database, which is made where there is none. Another process that writes is waited for until
    /// `deadline`.
    pub(crate) fn open(directory: &Path, host: &Host, deadline: Instant) -> Result<Self, OpenError> {
        let file = directory::prepare(directory)?;
        if !file.exists() {
            make(directory, &file, host)?;
        }
        // Before it is opened: what is put in its place meanwhile is another file.
        let identity = directory::identity(&file).map_err(OpenError::directory(&file))?;
        let database = open(&file).map_err(OpenError::database(&file))?;
        check_format(&database, &file)?;
        begin_epoch(&database, &identity, host, deadline).map_err(OpenError::database(&file))?;
        Ok(Self { file, identity, open: RwLock::new(Arc::new(database)) })
    }

    /// Runs `read` on what is committed by now.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&ReadTransaction) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with(|database| read(&database.begin_read()?))
    }

    /// What is committed by now, for as long as the transaction lives.
    pub(crate) fn hold(&self) -> Result<ReadTransaction, Failure> {
        self.with(|database| Ok(database.begin_read()?))
    }

    /// Runs `write` and commits what it has done; nothing of it where it fails. It waits for who else is
    /// writing until `deadline`, and is never run twice.
    pub(crate) fn write<T>(
        &self,
        deadline: Instant,
        write: impl FnOnce(&WriteTransaction) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with(|database| {
            let transaction = begin_write(database, deadline)?;
            let done = write(&transaction)?;
            // It may have been replaced during the wait.
            self.check_file()?;
            // Durable: `Durability::Immediate` is the engine's default, and the only one between processes.
            transaction.commit()?;
            Ok(done)
        })
    }

    /// Takes its turn at writing, and writes nothing.
    pub(crate) fn take_turn(&self, deadline: Instant) -> Result<(), Failure> {
        self.with(|database| Ok(begin_write(database, deadline)?.abort()?))
    }

    /// Since the file was opened.
    pub(crate) fn pages_read(&self) -> u64 {
        let read = self.open.read().unwrap_or_else(PoisonError::into_inner).cache_stats();
        read.read_hits() + read.read_misses()
    }

    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, Failure>) -> Result<T, Failure> {
        let database = Arc::clone(&self.open.read().unwrap_or_else(PoisonError::into_inner));
        let outcome = self.check_file().and_then(|()| work(&database));
        if outcome.as_ref().is_err_and(Failure::ends_the_database) {
            self.open_again(&database);
        }
        outcome
    }

    /// Others see what has the file's name now, and this process would go on with what had it before: a key that they
    /// revoke would be good here. The new file is for a start to open, which begins an epoch on it.
    fn check_file(&self) -> Result<(), Failure> {
        let identity = directory::identity(&self.file).map_err(redb::StorageError::Io)?;
        if identity == self.identity { Ok(()) } else { Err(Failure::Replaced) }
    }

    /// After an error of the disk the engine refuses everything. Whoever comes next may find that it has room again.
    fn open_again(&self, failed: &Arc<Database>) {
        let mut current = self.open.write().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, failed)
            && let Ok(database) = open(&self.file)
        {
            *current = Arc::new(database);
        }
    }
}

/// The one that writes, of all processes; another one waits until `deadline`.
fn begin_write(database: &Database, deadline: Instant) -> Result<WriteTransaction, Failure> {
    loop {
        match database.try_begin_write() {
            Err(TransactionError::WouldBlock) if Instant::now() < deadline => sleep(RETRY),
            begun => return Ok(begun?),
        }
    }
}

/// Commands work beside a server, so the engine must not keep the file for one process.
fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_concurrency_mode(ConcurrencyMode::MultiWriter).set_cache_size(CACHE_BYTES);
    builder
}

fn open(file: &Path) -> Result<Database, Failure> {
    Ok(builder().open(file)?)
}

/// Makes a database with what is in every one. It gets its name when it is whole: a process that is killed
/// meanwhile leaves a file with another name, and of several that make one, all use the first.
fn make(directory: &Path, file: &Path, host: &Host) -> Result<(), OpenError> {
    // With mode 0600.
    let made = NamedTempFile::new_in(directory).map_err(OpenError::directory(directory))?;
    fill(made.path(), host).map_err(OpenError::database(file))?;
    match made.persist_noclobber(file) {
        Err(failed) if failed.error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(OpenError::directory(file)(failed.error))
        }
        _ => directory::sync(Some(directory)).map_err(OpenError::directory(directory)),
    }
}

fn fill(path: &Path, host: &Host) -> Result<(), Failure> {
    let database = builder().create(path)?;
    let transaction = database.begin_write()?;
    tables::make(&transaction)?;
    transaction.open_table(NUMBERS)?.insert(FORMAT, KNOWN_FORMAT)?;
    let start = Event::start(random(host)?);
    put(&mut transaction.open_table(CHANGES)?, Sequence::START.get(), &Document::of(&start))?;
    transaction.commit()?;
    Ok(database.close()?)
}

fn check_format(database: &Database, file: &Path) -> Result<(), OpenError> {
    let format = || number(&database.begin_read()?, FORMAT);
    let found = format().map_err(OpenError::database(file))?;
    if found == KNOWN_FORMAT { Ok(()) } else { Err(OpenError::Format { found, known: KNOWN_FORMAT }) }
}

/// Begins an epoch where this is not the file that the last one began on: it is a copy, and what was committed after
/// it was made is lost. What was overwritten in its place is not noticed; there the marks differ.
fn begin_epoch(database: &Database, identity: &str, host: &Host, deadline: Instant) -> Result<(), Failure> {
    if newest_epoch(&database.begin_read()?)?.1.as_deref() == Some(identity) {
        return Ok(());
    }
    let transaction = begin_write(database, deadline)?;
    let (last, on) = newest_epoch(&transaction)?;
    // Another process may have begun it meanwhile.
    if on.as_deref() != Some(identity) {
        let newest = number(&transaction, NEWEST_EVENT)?;
        let id: [u8; 16] = random(host)?;
        let epoch =
            Document::default().and("id", &id).and("file", &identity.to_owned()).and("newest_event", &newest);
        put(&mut transaction.open_table(EPOCHS)?, last.saturating_add(1), &epoch)?;
    }
    Ok(transaction.commit()?)
}

/// The number of the newest epoch, and the file that it began on.
fn newest_epoch(transaction: &impl Reads) -> Result<(i64, Option<String>), Failure> {
    let epochs = transaction.table(EPOCHS)?;
    let Some((number, epoch)) = epochs.last()? else { return Ok((0, None)) };
    Ok((number.value(), Document::from_bytes(epoch.value())?.field("file")?))
}

/// The epoch that the store is in.
pub(crate) fn epoch(transaction: &impl Reads) -> Result<[u8; 16], Failure> {
    let epochs = transaction.table(EPOCHS)?;
    let last = epochs.last()?.ok_or(Failure::Corrupt("epoch"))?;
    Ok(Document::from_bytes(last.1.value())?.field("id")?)
}

/// Random bytes.
pub(crate) fn random<const N: usize>(host: &Host) -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    host.entropy.fill(&mut bytes).map_err(|_| Failure::Entropy)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use capykeys_conformance::fixtures;

    use super::*;

    /// Long after everything with a deadline has come back.
    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn nobody_waits_for_another_process_that_writes_beyond_the_deadline() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Shared::open(folder.path(), &fixtures::host(), Instant::now() + PATIENCE).unwrap();
        let (shared, beside) = (open(), open());
        let (ended, outcome) = mpsc::channel();
        beside
            .write(Instant::now() + PATIENCE, |_| {
                thread::spawn(move || ended.send(shared.take_turn(Instant::now())));
                let refused = outcome.recv_timeout(PATIENCE);
                assert!(refused.is_ok(), "it waits for ever");
                assert_eq!(refused.unwrap().unwrap_err().to_string(), "another process is writing");
                Ok(())
            })
            .unwrap();
    }
}
