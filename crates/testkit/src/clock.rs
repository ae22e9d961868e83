//! A server whose clock can be set.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Cluster;

/// The clock of a server, as libfaketime shows it to the server's processes alone.
#[derive(Debug)]
pub(crate) struct Clock {
    library: PathBuf,
}

/// In the cluster's directory.
const FILE: &str = "clock";

impl Cluster {
    /// Makes a new cluster and starts its server, which shows the machine's time until it is told
    /// otherwise; `library` is libfaketime.
    ///
    /// # Panics
    /// As [`Cluster::start`].
    #[must_use]
    pub fn start_with_clock(library: &Path) -> Self {
        let mut cluster = Self::prepare();
        cluster.initialize(false, "");
        cluster.clock = Some(Clock { library: library.to_owned() });
        cluster.set_clock_back(0);
        cluster.start_again();
        cluster
    }

    /// Sets its clock to so many seconds before the machine's.
    ///
    /// # Panics
    /// Where that cannot be written down.
    pub fn set_clock_back(&self, seconds: u32) {
        // Whole at once: the processes look at any time.
        let (new, file) = (self.socket_directory().join("clock.new"), self.socket_directory().join(FILE));
        fs::write(&new, format!("-{seconds}")).expect("write the time");
        fs::rename(new, file).expect("set the clock");
    }
}

impl Clock {
    /// Shows it to a program. What only measures time goes on.
    pub(crate) fn show(&self, command: &mut Command, directory: &Path) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("FAKETIME_TIMESTAMP_FILE", directory.join(FILE))
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    }
}
