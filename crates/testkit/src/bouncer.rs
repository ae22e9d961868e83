//! PgBouncer, the connection pooler that many put in front of PostgreSQL.

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    Cluster,
    cluster::free_port,
    databases::execute,
    processes::{send, spawn_for_good, wait_until},
    user::{User, command},
};

const SETTINGS: &str = "pgbouncer.ini";

const LIMIT: Duration = Duration::from_mins(1);

/// A `PgBouncer` in transaction mode in front of a cluster. Ends when dropped.
///
/// In this mode a connection to the server is a client's for a transaction alone: prepared
/// statements, `SET`, `LISTEN` and advisory locks of a session do not work through it.
#[derive(Debug)]
pub struct Bouncer {
    process: Child,
    address: SocketAddr,
    /// With its settings. Until it has ended.
    directory: TempDir,
}

impl Bouncer {
    /// Starts one in front of `cluster`.
    ///
    /// # Panics
    /// Where there is none on the machine (`scripts/pgbouncer` installs one), or it does not start.
    #[must_use]
    pub fn start(cluster: &Cluster) -> Self {
        let directory = tempfile::Builder::new().prefix("capykeys-bouncer-").tempdir().expect("a directory");
        let user = User::to_become();
        if let Some(user) = &user {
            user.own(directory.path());
        }
        let port = free_port();
        let settings = directory.path().join(SETTINGS);
        fs::write(&settings, configuration(cluster, port)).expect("configure");
        let mut command = command(user.as_ref(), program());
        command.arg("--quiet").arg(&settings).current_dir(directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = spawn_for_good(command).expect("run setpriv (util-linux)");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        wait_until("starting PgBouncer", LIMIT, || {
            assert!(process.try_wait().expect("look at it").is_none(), "PgBouncer has ended");
            TcpStream::connect(address).is_ok()
        });
        Self { process, address, directory }
    }

    /// Leads to another cluster from now on: comes back when no connection to the first one is left.
    /// Those of clients stay, as they do where an operator does this.
    ///
    /// # Panics
    /// Where it does not do as it is told.
    pub fn lead_to(&self, cluster: &Cluster) {
        let settings = configuration(cluster, self.address.port());
        fs::write(self.directory.path().join(SETTINGS), settings).expect("configure");
        let console = format!("postgres://postgres@{}/pgbouncer", self.address);
        for command in ["RELOAD", "RECONNECT", "WAIT_CLOSE"] {
            execute(&console, command);
        }
    }

    /// Where it listens. Whoever comes becomes the superuser `postgres`.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        send(i32::try_from(self.process.id()).expect("a pid"), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn configuration(cluster: &Cluster, port: u16) -> String {
    let server = cluster.address();
    format!(
        "[databases]\n* = host={} port={} user=postgres\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
         auth_type = any\nadmin_users = postgres\npool_mode = transaction\n\
         server_login_retry = 1\ndefault_pool_size = 20\nmax_client_conn = 500\n",
        server.ip(),
        server.port()
    )
}

/// What `CAPYKEYS_TEST_PGBOUNCER` names, else that of the system's package.
#[expect(clippy::disallowed_methods, reason = "tests have no configuration to read this from")]
fn program() -> PathBuf {
    let named = std::env::var_os("CAPYKEYS_TEST_PGBOUNCER").filter(|value| !value.is_empty());
    let program = named.map_or_else(|| PathBuf::from("/usr/sbin/pgbouncer"), PathBuf::from);
    assert!(Path::is_file(&program), "no PgBouncer was found: run `scripts/pgbouncer`");
    program
}
