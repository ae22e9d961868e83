//! Dumps of databases, made and restored with PostgreSQL's own programs.

use std::{
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use crate::{Cluster, binaries};

impl Cluster {
    /// What `pg_dump` makes of `database` with these arguments.
    ///
    /// # Panics
    /// Where it fails.
    #[must_use]
    pub fn dump(&self, database: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(program("pg_dump"));
        let output = command.args(arguments).arg(self.url(database)).output().expect("run pg_dump");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("a dump in UTF-8")
    }

    /// Gives `script` to `psql` with these arguments; whether it succeeded. Without
    /// `ON_ERROR_STOP` it goes on after errors, and does.
    ///
    /// # Panics
    /// Where it cannot be run.
    pub fn psql(&self, database: &str, arguments: &[&str], script: &str) -> bool {
        let mut child = Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet"])
            .args(arguments)
            .arg(self.url(database))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("run psql");
        // It may have ended before it has read everything.
        let _ = child.stdin.take().expect("a pipe").write_all(script.as_bytes());
        child.wait().expect("psql ends").success()
    }
}

/// Beside the server, or wherever the system has it.
fn program(name: &str) -> PathBuf {
    let beside = binaries::directory().join(name);
    if beside.is_file() { beside } else { name.into() }
}
