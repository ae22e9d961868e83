//! The data directory: made private, refused on a network, locked by the one server.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::{Duration, Instant},
};

use rustix::{
    fs::{StatVfsMountFlags, statfs, statvfs},
    io::Errno,
};

use crate::{OpenError, leftover};

pub(crate) const DATABASE_FILE: &str = "capykeys.db";
/// Twice what the write-ahead log takes while nothing is wrong.
const LEAST_ROOM: u64 = 32 * 1024 * 1024;
const LOCK_FILE: &str = "lock";
/// How long one process waits for another that is opening the same directory.
const OPENING_PATIENCE: Duration = Duration::from_secs(10);
const OPENING_POLL: Duration = Duration::from_millis(10);

/// File systems whose locks or shared memory do not hold between machines, by the number that
/// statfs(2) gives, from Linux's `magic.h` and the file systems' own sources.
const NETWORK_FILE_SYSTEMS: [(u32, &str); 14] = [
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x6573_5546, "FUSE"),
    (0x0102_1997, "9P"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x7375_7245, "Coda"),
    (0x564C, "NCP"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
];

/// An exclusive lock on a data directory, so that one server works on it at a time. It ends with
/// the process, however that ends.
///
/// Operators' commands do not take it: they work beside a running server under SQLite's own locks.
#[derive(Debug)]
pub struct ServerLock {
    _file: File,
}

impl ServerLock {
    /// Takes the lock of `directory`, which is created where it does not exist.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where another server holds it, [`OpenError::Directory`],
    /// [`OpenError::ReadOnly`] or [`OpenError::NetworkFileSystem`] where the directory is not usable,
    /// [`OpenError::Leftover`] where the database in it is not.
    pub fn acquire(directory: &Path) -> Result<Self, OpenError> {
        prepare(directory)?;
        let _turn = lock_while_opening(directory)?;
        let lock = Self::take(directory)?.ok_or_else(|| OpenError::InUse { path: directory.to_owned() })?;
        leftover::check(&directory.join(DATABASE_FILE))?;
        Ok(lock)
    }

    /// The lock, unless somebody holds it. Only to be called by who opens the directory.
    pub(crate) fn take(directory: &Path) -> Result<Option<Self>, OpenError> {
        let path = directory.join(LOCK_FILE);
        let opened = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = opened.map_err(OpenError::directory(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(OpenError::directory(&path)(error)),
        }
    }
}

/// Makes the directory, open to nobody else, where it does not exist, and refuses a network file
/// system. A directory that exists keeps its mode: whoever made it decided on that.
pub(crate) fn prepare(directory: &Path) -> Result<(), OpenError> {
    create(directory).map_err(OpenError::directory(directory))?;
    let unusable = |errno: Errno| OpenError::directory(directory)(errno.into());
    let statistics = statfs(directory).map_err(unusable)?;
    if let Some(kind) = network_file_system(statistics.f_type.cast_unsigned()) {
        return Err(OpenError::NetworkFileSystem { path: directory.to_owned(), kind });
    }
    let mount = statvfs(directory).map_err(unusable)?;
    if mount.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Err(OpenError::ReadOnly { path: directory.to_owned() });
    }
    room(directory, mount.f_bavail.saturating_mul(mount.f_frsize))
}

/// Without room there is no new database. One that is there is opened all the same: keys can be read
/// while none can be created.
fn room(directory: &Path, free: u64) -> Result<(), OpenError> {
    if free >= LEAST_ROOM {
        return Ok(());
    }
    let free_mib = free / 1024 / 1024;
    if !directory.join(DATABASE_FILE).exists() {
        return Err(OpenError::NoSpace { path: directory.to_owned(), free_mib });
    }
    tracing::warn!(free_mib, "the data directory has hardly any room left");
    Ok(())
}

fn create(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => {
            create(parent)?;
            parent
        }
        _ => Path::new("."),
    };
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => Ok(()),
        Err(error) => Err(error),
        // The new entry must survive a power loss as the rows will.
        Ok(()) => File::open(parent)?.sync_all(),
    }
}

/// The name of the network file system whose statfs(2) number is `magic`.
fn network_file_system(magic: u64) -> Option<&'static str> {
    NETWORK_FILE_SYSTEMS.into_iter().find(|&(number, _)| u64::from(number) == magic).map(|(_, name)| name)
}

/// Creates the database's file, empty and open to nobody else, where it does not exist. SQLite
/// gives the files beside it the same mode.
pub(crate) fn create_database_file(directory: &Path, file: &Path) -> Result<(), OpenError> {
    // Never opened where it exists: closing it would drop the locks that other connections of
    // this process have on it (POSIX locks belong to the process).
    let created = OpenOptions::new().create_new(true).write(true).mode(0o600).open(file);
    let synced = match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
        Ok(_) => File::open(directory).and_then(|directory| directory.sync_all()),
    };
    synced.map_err(OpenError::directory(file))
}

/// A short exclusive lock on the directory itself, under which one process at a time creates or
/// migrates the database. It ends when it is dropped.
pub(crate) fn lock_while_opening(directory: &Path) -> Result<File, OpenError> {
    let handle = File::open(directory).map_err(OpenError::directory(directory))?;
    let deadline = Instant::now() + OPENING_PATIENCE;
    loop {
        match handle.try_lock() {
            Ok(()) => return Ok(handle),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => std::thread::sleep(OPENING_POLL),
            Err(TryLockError::WouldBlock) => return Err(OpenError::Busy { path: directory.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(OpenError::directory(directory)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn one_server_at_a_time_holds_the_lock() {
        let directory = TempDir::new().unwrap();
        let lock = ServerLock::acquire(directory.path()).unwrap();
        assert!(matches!(ServerLock::acquire(directory.path()), Err(OpenError::InUse { .. })));
        drop(lock);
        assert!(ServerLock::acquire(directory.path()).is_ok());
    }

    #[test]
    fn every_directory_on_the_way_is_made_private() {
        let parent = TempDir::new().unwrap();
        let directory = parent.path().join("a").join("b");
        prepare(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&parent.path().join("a")), 0o700);
    }

    #[test]
    fn a_file_in_the_directorys_place_is_refused() {
        let parent = TempDir::new().unwrap();
        let path = parent.path().join("data");
        File::create(&path).unwrap();
        assert!(matches!(prepare(&path), Err(OpenError::Directory { .. })));
    }

    #[test]
    fn without_room_no_database_is_begun_and_one_that_is_there_is_used() {
        let directory = TempDir::new().unwrap();
        assert!(room(directory.path(), LEAST_ROOM).is_ok());
        let refused = room(directory.path(), LEAST_ROOM - 1);
        assert!(matches!(refused, Err(OpenError::NoSpace { free_mib: 31, .. })));
        File::create(directory.path().join(DATABASE_FILE)).unwrap();
        assert!(room(directory.path(), 0).is_ok());
    }

    #[test]
    fn network_file_systems_are_told_from_local_ones() {
        for (magic, kind) in [(0x6969, Some("NFS")), (0x6573_5546, Some("FUSE")), (0xFF53_4D42, Some("CIFS"))]
        {
            assert_eq!(network_file_system(magic), kind);
        }
        // ext4, xfs, btrfs, tmpfs, overlayfs
        for magic in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630] {
            assert_eq!(network_file_system(magic), None);
        }
    }
}
