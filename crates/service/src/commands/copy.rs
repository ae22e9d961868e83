//! `capykeys copy`: everything that one store holds, into another.

use std::sync::Arc;

use capykeys_domain::ports::{Imported, RowCounts, SnapshotReader, StoreHead, Unavailable, WholeStore};
use capykeys_storage::{OpenedFor, Store};

use crate::{
    adapters::host,
    cli,
    config::{Config, StoreKind},
    error::Error,
    output, peppers, store, transfer,
};

const CHANGED: &str = "the two stores are not the same: the source was written while it was copied, or since the copy was \
    begun, or the target was begun from another; set `server.read_only` on every server of the source or stop them, \
    empty the target, and copy again";
const NOT_EMPTY: &str = "the target is not empty and no copy of the source, and was left as it is";

/// Copies, compares, and only then lets servers use the copy.
pub(crate) async fn run(command: &cli::Copy, kinds: &[StoreKind]) -> Result<(), Error> {
    let (from, to) = (Config::of_store(&command.from, kinds)?, Config::of_store(&command.to, kinds)?);
    if from.keys.prefix != to.keys.prefix {
        return Err(
            "`keys.prefix` is not the same in the two configurations: no key would be recognised".into()
        );
    }
    let (store, target) = (open_source(&from).await?, open_target(&to).await?);
    let source = Arc::clone(&store.whole);
    let mut rows = read(&*source).await?;
    let head = rows.head().clone();
    check_source(&head)?;
    check_peppers(&to, &store, &head, read(&*target).await?.head()).await?;
    if let Some(mut import) = target.begin_import().await? {
        let is_filled = transfer::fill(&mut rows, &mut *import).await.map_err(stopped)?;
        // A store may be read by one at a time.
        drop(rows);
        let is_done = is_filled
            && is_equal(&*source, &*target, &head).await.map_err(stopped)?
            && import.finish(head.clone()).await.map_err(stopped)? == Imported::Done;
        if !is_done {
            return Err(CHANGED.into());
        }
    } else {
        // One that has come to its end is no mistake.
        drop(rows);
        if !is_equal(&*source, &*target, &head).await? {
            return Err(NOT_EMPTY.into());
        }
    }
    let RowCounts { organizations, keys, events } = head.counts;
    output::text(&format!(
        "Copied and compared: {organizations} organizations, {keys} keys, {events} events.\n"
    ))
}

async fn open_source(config: &Config) -> Result<Store, Error> {
    let backend = store::configured(config)?;
    // To open it would make one.
    if let Some(embedded) = backend.embedded().filter(|embedded| !embedded.directory.exists()) {
        return Err(format!("there is no store in {}", embedded.directory.display()).into());
    }
    backend.open(OpenedFor::Command(config.store.command_timeout()), host()).await
}

/// What was copied is not lost.
fn stopped(error: impl Into<Error>) -> Error {
    let error = error.into();
    format!("{error}; the same command goes on with what is there").into()
}

/// With its schema up to date.
async fn open_target(config: &Config) -> Result<Arc<dyn WholeStore>, Error> {
    let backend = store::configured(config)?;
    backend.migrate(host()).await?;
    Ok(backend.open(OpenedFor::Command(config.store.command_timeout()), host()).await?.whole)
}

async fn read(store: &dyn WholeStore) -> Result<SnapshotReader, Unavailable> {
    Ok(SnapshotReader::new(store.take_snapshot().await?))
}

fn check_source(head: &StoreHead) -> Result<(), Error> {
    if head.is_unfinished() {
        return Err("the source is itself being filled: bring that to its end first".into());
    }
    if head.counts == RowCounts::default() {
        return Err("the source is empty".into());
    }
    Ok(())
}

/// Refuses a target whose servers would not recognise the keys.
async fn check_peppers(
    to: &Config,
    source: &Store,
    head: &StoreHead,
    target: &StoreHead,
) -> Result<(), Error> {
    if !head.agrees_with(&target.peppers) {
        return Err("a pepper of the target has the name of one of the source, and other bytes".into());
    }
    let backend = store::configured(to)?;
    let directory = backend.embedded().map(|embedded| embedded.directory);
    let Some(own) = peppers::known(&to.keys, directory)? else { return Ok(()) };
    let used = source.peppers.count_pepper_uses(host().clock.now()).await?;
    let needed = used.iter().filter(|one| one.active_keys > 0).map(|one| &one.id);
    match peppers::misfit(&own, &head.peppers, needed) {
        Some(id) => Err(format!(
            "the target's configuration does not have the pepper {} of the source's keys",
            id.as_str()
        )
        .into()),
        None => Ok(()),
    }
}

/// Whether both hold the same, row by row, and nothing was recorded in the source from when `head` was read until that
/// was known.
async fn is_equal(source: &dyn WholeStore, target: &dyn WholeStore, head: &StoreHead) -> Result<bool, Error> {
    let (mut rows, mut others) = (read(source).await?, read(target).await?);
    let is_equal = transfer::are_equal(&mut rows, &mut others).await?;
    drop(rows);
    Ok(is_equal && read(source).await?.head() == head)
}
