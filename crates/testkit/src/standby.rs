//! A second server that follows the first.

use crate::cluster::{Cluster, succeed};

impl Cluster {
    /// Makes a hot standby of `primary`, which streams what is committed there, and starts its
    /// server. It reads as soon as this comes back, and writes once it is promoted.
    ///
    /// # Panics
    /// Where the primary cannot be copied, or the standby does not start.
    #[must_use]
    pub fn standby_of(primary: &Self) -> Self {
        let cluster = Self::prepare();
        cluster.copy(primary);
        cluster.start_again();
        cluster
    }

    /// Makes a standby a primary, on a timeline of its own, and comes back when it is one.
    ///
    /// # Panics
    /// Where it cannot be promoted.
    pub fn promote(&self) {
        succeed(self.command("pg_ctl").args(["promote", "--wait", "--pgdata=data"]));
    }

    /// The copy of the settings comes with the data; those of this server follow and win.
    fn copy(&self, primary: &Self) {
        succeed(
            self.command("pg_basebackup")
                .args(["--pgdata=data", "--write-recovery-conf", "--checkpoint=fast", "--no-sync"])
                .args([
                    "--host=127.0.0.1",
                    "--username=postgres",
                    &format!("--port={}", primary.address().port()),
                ]),
        );
        self.configure("");
    }
}
