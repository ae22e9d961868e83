//! `capykeys backup`

use std::path::Path;

use capykeys_domain::ports::{Clock as _, RowCounts, SnapshotReader};
use capykeys_storage::{Backend, OpenedFor};
use serde_json::{Value, json};

use crate::{
    adapters::{SystemClock, host},
    backup::{BackupReader, BackupWriter, Header, Revocations, Scan},
    config::Config,
    error::Error,
    output, transfer,
};

/// Standard input or output, in the place of a file.
const PIPE: &str = "-";

/// Writes the configured store into a file, beside the servers.
pub(crate) async fn run(config: &Config, backend: &dyn Backend, file: &Path) -> Result<(), Error> {
    let store = backend.open(OpenedFor::Command(config.store.command_timeout()), host()).await?;
    let taken_at = SystemClock.now();
    let mut snapshot = SnapshotReader::new(store.whole.take_snapshot().await?);
    let head = snapshot.head().clone();
    if head.is_unfinished() {
        return Err("the store is the beginning of a restore or a copy: let that end first".into());
    }
    if head.counts == RowCounts::default() {
        return Err("the store is empty: there is nothing to back up".into());
    }
    let header = Header::new(backend.name(), &config.keys.prefix, taken_at, head);
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", file.display());
    let path = Some(file).filter(|file| *file != Path::new(PIPE));
    let mut writer = BackupWriter::create(path, &header).map_err(failed)?;
    transfer::for_each(&mut snapshot, "backed up", |rows| Ok(writer.write_rows(&rows).map_err(failed)?))
        .await?;
    writer.finish().map_err(failed)?;
    match path {
        Some(_) => output::json(&summary(&header)),
        // The backup itself went there.
        None => Ok(()),
    }
}

/// Reads a backup to its end, and says what it is of.
pub(crate) fn verify(config: &Config, file: &Path) -> Result<(), Error> {
    let backup = if file == Path::new(PIPE) { BackupReader::stdin() } else { BackupReader::open(file) }?;
    backup.check_prefix(&config.keys.prefix)?;
    let header = backup.header().clone();
    Scan::of(backup, &Revocations::default())?;
    output::json(&summary(&header))
}

/// What is printed of a backup.
pub(super) fn summary(header: &Header) -> Value {
    let RowCounts { organizations, keys, events } = header.head.counts;
    json!({
        "taken_at": header.taken_at.to_string(),
        "store": header.store,
        "program": header.program,
        "key_prefix": header.key_prefix,
        "organizations": organizations,
        "keys": keys,
        "events": events,
        "peppers": header.head.peppers.iter().map(|one| one.check.id.as_str()).collect::<Vec<_>>(),
    })
}
