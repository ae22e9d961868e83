//! The folder: for its owner alone, and for one server at a time.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use crate::OpenError;

const DATABASE: &str = "capykeys.redb";
const LOCK: &str = "lock";

/// Makes the folder where it does not exist, with mode 0700: a pepper lies in it. Where the database is in it.
pub(crate) fn prepare(directory: &Path) -> Result<PathBuf, OpenError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.and_then(|()| sync(directory.parent())).map_err(OpenError::directory(directory))?;
    Ok(directory.join(DATABASE))
}

/// Makes sure that the entries of a folder survive a power loss.
pub(crate) fn sync(directory: Option<&Path>) -> std::io::Result<()> {
    let named = directory.filter(|directory| !directory.as_os_str().is_empty());
    File::open(named.unwrap_or(Path::new(".")))?.sync_all()
}

/// Keeps a second server out for as long as it is held. Commands do not take it.
pub(crate) fn lock(directory: &Path) -> Result<File, OpenError> {
    prepare(directory)?;
    let path = directory.join(LOCK);
    let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = opened.map_err(OpenError::directory(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: directory.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::directory(&path)(error)),
    }
}

/// What tells a file from one that was put in its place: a copy has another number or another birth.
pub(crate) fn identity(file: &Path) -> std::io::Result<String> {
    let file = file.metadata()?;
    let born = file.created().ok().and_then(|born| born.duration_since(UNIX_EPOCH).ok());
    Ok(format!("{}/{}", file.ino(), born.map_or(0, |born| born.as_nanos())))
}
