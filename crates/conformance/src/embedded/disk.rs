//! A disk that fails.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// Files in a process's working directory.
const HANG: &str = "hang";
const REFUSE: &str = "refuse";

/// What its disk does to this process, where it was started with [`library`].
pub(super) struct Disk(&'static str);

impl Disk {
    /// Nothing reaches the disk until this is dropped, and whoever waits for it does so.
    pub(super) fn hangs() -> Self {
        Self::is(HANG)
    }

    /// Whoever waits for something to reach the disk is told that it does not, until this is dropped.
    pub(super) fn refuses() -> Self {
        Self::is(REFUSE)
    }

    fn is(state: &'static str) -> Self {
        File::create(state).expect("the working directory is the test's own");
        Self(state)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        fs::remove_file(self.0).expect("it was made by this");
    }
}

/// The library that stands between a process and its disk, made in `folder`.
pub(super) fn library(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("disk.c"), folder.join("disk.so"));
    fs::write(&source, include_str!("disk.c")).expect("the folder is the test's own");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).output();
    let compiled = compiled.expect("a C compiler is there: `cc`");
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    library
}
