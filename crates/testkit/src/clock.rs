//! A server whose clock can be set.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Cluster, binaries,
    user::{User, command},
};

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
    /// The command line of a server that is shown it. What only measures time goes on. It is not shown to
    /// the program that becomes the server's user: what libfaketime shares, that user could not open.
    pub(crate) fn server_command(&self, user: Option<&User>, directory: &Path) -> Command {
        let mut command = command(user, "env");
        command
            .current_dir(directory)
            .stdin(Stdio::null())
            .arg(format!("LD_PRELOAD={}", self.library.display()))
            .arg(format!("FAKETIME_TIMESTAMP_FILE={}", directory.join(FILE).display()))
            .args(["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"])
            .arg(binaries::directory().join("postgres"));
        command
    }
}
