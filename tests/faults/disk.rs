//! A disk that can be full. Only root can have a file system of a size.

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::PathBuf,
    process::Command,
};

use capykeys_testkit::Cluster;
use capykeys_tests::Installation;

/// A small file system, for as long as this is kept.
pub(crate) struct Disk {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl Disk {
    /// None where this process may not have one, which is said.
    #[expect(clippy::print_stderr, reason = "whoever runs the tests is told what was left out")]
    pub(crate) fn new() -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("disk");
        fs::create_dir(&path).unwrap();
        let disk = Self { path, _directory: directory };
        if disk.mount("size=64m") {
            return Some(disk);
        }
        eprintln!("skipped: only root can mount a file system of a size, or one that is read-only");
        None
    }

    pub(crate) fn mount(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&self.path);
        mount.status().is_ok_and(|status| status.success())
    }

    /// Takes all the room there is.
    pub(crate) fn fill(&self) -> PathBuf {
        let path = self.path.join("filler");
        let mut file = fs::File::create(&path).unwrap();
        for size in [65_536, 4_096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
        path
    }

    /// Takes all but so many bytes.
    pub(crate) fn fill_but(&self, left: u64) -> PathBuf {
        let path = self.fill();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - left).unwrap();
        path
    }

    pub(crate) fn holds(&self, installation: Installation) -> Installation {
        installation.set("SQLITE__DIRECTORY", self.path.join("data").to_str().unwrap())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}

/// A database whose rows are on such a disk, and a PostgreSQL of its own around it.
pub(crate) struct DatabaseOnDisk {
    /// Its address.
    pub(crate) url: String,
    // It ends before the disk goes.
    _cluster: Cluster,
    pub(crate) disk: Disk,
}

impl DatabaseOnDisk {
    /// None where there is no such disk.
    pub(crate) fn new() -> Option<Self> {
        let disk = Disk::new()?;
        let cluster = Cluster::start(false);
        let owner = fs::metadata(cluster.socket_directory()).unwrap();
        fs::set_permissions(disk.path.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        chown(&disk.path, Some(owner.uid()), Some(owner.gid())).unwrap();
        let location = disk.path.display();
        cluster.execute("postgres", &format!("CREATE TABLESPACE small LOCATION '{location}'"));
        cluster.execute("postgres", "CREATE DATABASE capykeys TABLESPACE small");
        Some(Self { url: cluster.url("capykeys"), _cluster: cluster, disk })
    }
}
