//! `capykeys restore`

use capykeys_domain::{
    ports::{Imported, SnapshotReader},
    secret::{KeyFormat, RecordedPepper},
};
use capykeys_storage::{Backend, OpenedFor, Store};
use serde_json::json;

use super::backup::summary;
use crate::{
    adapters::host,
    backup::{BackupSource, Revocations, Scan, SeekableFile},
    cli,
    config::Config,
    error::Error,
    output, peppers,
    transfer::{self, RowSource as _},
};

const NOT_EMPTY: &str =
    "the store is not empty, and was left as it is: a backup is restored into an empty one";
const OTHER_ROWS: &str = "the store does not hold the beginning of this backup: empty it, or make another, and restore \
    the backup again; until then no server is ready on it";

/// Fills the configured store, which is empty, with what a backup holds.
pub(crate) async fn run(config: &Config, backend: &dyn Backend, command: &cli::Restore) -> Result<(), Error> {
    let file = SeekableFile::open(&command.file)?;
    let backup = file.backup()?;
    backup.check_prefix(&config.keys.prefix)?;
    let header = backup.header().clone();
    let format = KeyFormat::new(&config.keys.prefix)?;
    let since = command.revoke_from.as_deref().map(|path| Revocations::read(path, &format)).transpose()?;
    // All of it is read before anything is stored.
    let scan = Scan::of(backup, since.as_ref().unwrap_or(&Revocations::default()))?;
    check_peppers(config, backend, &header.head.peppers, &scan)?;

    backend.migrate(host()).await?;
    let store = backend.open(OpenedFor::Command(config.store.command_timeout()), host()).await?;
    fill(&store, &file, &scan).await?;
    let (keys, organizations, changed) = scan.counts();
    if since.is_none() {
        output::note(&format!(
            "what was revoked or suspended after {} is good again, unless it is revoked once more, and keys that \
             were disabled or made stricter are as they were: restore with --revoke-from closes that before \
             anybody can use the store",
            header.taken_at
        ));
    }
    let mut restored = summary(&header);
    restored["revoked_since"] = json!(keys);
    restored["suspended_since"] = json!(organizations);
    restored["made_stricter_since"] = json!(changed);
    output::json(&restored)
}

/// Refuses peppers that nobody could use the keys with. None is made here: it could not be the one that they need.
fn check_peppers(
    config: &Config,
    backend: &dyn Backend,
    recorded: &[RecordedPepper],
    scan: &Scan,
) -> Result<(), Error> {
    let directory = backend.embedded().map(|embedded| embedded.directory);
    let own = match (peppers::known(&config.keys, directory)?, directory) {
        (Some(own), _) => own,
        (None, Some(directory)) => {
            let place = directory.join("pepper");
            return Err(format!(
                "the backup has no pepper in it: put its store's at {}, or set keys.pepper",
                place.display()
            )
            .into());
        }
        (None, None) => peppers::load(&config.keys, None, false)?,
    };
    match peppers::misfit(&own, recorded, &scan.peppers) {
        Some(id) => Err(format!(
            "the backup's keys need their pepper {}, and the configuration does not have it",
            id.as_str()
        )
        .into()),
        None => Ok(()),
    }
}

async fn fill(store: &Store, file: &SeekableFile, scan: &Scan) -> Result<(), Error> {
    let source = || -> Result<_, Error> { Ok(BackupSource::new(file.backup()?, scan)) };
    let mut rows = source()?;
    let head = rows.head().clone();
    let Some(mut import) = store.whole.begin_import().await? else {
        // Where another run has ended and nobody was told, all is there.
        let is_there = is_whole(store, &mut rows).await?;
        return if is_there { Ok(()) } else { Err(NOT_EMPTY.into()) };
    };
    if !transfer::fill(&mut rows, &mut *import).await? || !is_whole(store, &mut source()?).await? {
        return Err(OTHER_ROWS.into());
    }
    match import.finish(head).await? {
        Imported::Done => Ok(()),
        Imported::Different => Err(OTHER_ROWS.into()),
    }
}

/// Whether the store holds every row as it is in the backup, and no other.
async fn is_whole(store: &Store, source: &mut BackupSource<'_>) -> Result<bool, Error> {
    let mut stored = SnapshotReader::new(store.whole.take_snapshot().await?);
    transfer::are_equal(source, &mut stored).await
}
