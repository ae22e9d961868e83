//! A PostgreSQL server of a test's own.

use std::{
    fs::{self, File},
    io::Write,
    net::{SocketAddr, TcpListener},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    binaries,
    clock::Clock,
    processes::{children, is_alive, send, spawn_for_good, wait_until},
    user::{User, command},
};

/// Within which the server must be up or down; a loaded machine with a slow disk needs seconds.
const LIMIT: Duration = Duration::from_mins(1);

/// What happens when the test process is gone, however it ended: its end of the pipe closes, and
/// once the server is down (or is made to), its directory is removed. Processes of the server that
/// were stopped go on first, without which it would never be down.
const JANITOR: &str = r#"
cat > /dev/null
pid_file=$1/data/postmaster.pid
pid=$(head -n 1 "$pid_file") && kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children")
for _ in $(seq 100); do
    [ -e "$pid_file" ] || break
    sleep 0.1
done
[ -e "$pid_file" ] && kill -KILL "$(head -n 1 "$pid_file")"
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
"#;

/// A PostgreSQL server with its own data directory. It listens on a Unix socket and on a loopback
/// TCP port, trusts everybody, and is gone with its files when this is dropped or the process ends.
///
/// All methods block; they can be called inside and outside an async runtime.
#[derive(Debug)]
pub struct Cluster {
    directory: TempDir,
    user: Option<User>,
    port: u16,
    server: Mutex<Option<Child>>,
    pub(crate) clock: Option<Clock>,
    janitor: Mutex<Child>,
}

impl Cluster {
    /// Makes a new cluster and starts its server. Where it need not be `durable`, it never waits
    /// for the disk, which is what tests want that do not kill it.
    ///
    /// # Panics
    /// Where there is no PostgreSQL on the machine, or it does not start.
    #[must_use]
    pub fn start(durable: bool) -> Self {
        Self::start_with(durable, "")
    }

    /// The same with more lines of `postgresql.conf`.
    ///
    /// # Panics
    /// As [`Cluster::start`], and where a setting is not one.
    #[must_use]
    pub fn start_with(durable: bool, settings: &str) -> Self {
        let cluster = Self::prepare();
        cluster.initialize(durable, settings);
        cluster.start_again();
        cluster
    }

    /// All but the data and the server.
    pub(crate) fn prepare() -> Self {
        let directory = tempfile::Builder::new().prefix("capykeys-postgres-").tempdir().expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("open the directory");
        let user = User::to_become();
        if let Some(user) = &user {
            user.own(directory.path());
        }
        let janitor = Mutex::new(janitor(directory.path()));
        Self { directory, user, port: free_port(), server: Mutex::new(None), clock: None, janitor }
    }

    pub(crate) fn initialize(&self, durable: bool, settings: &str) {
        succeed(
            self.command("initdb")
                .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"])
                .args(["--no-sync", "--no-instructions", "--pgdata=data"]),
        );
        let hasty = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n";
        self.configure(&format!("{}{settings}\n", if durable { "" } else { hasty }));
    }

    /// Adds settings to those that are there.
    pub(crate) fn configure(&self, more: &str) {
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = '{}'\n\
             max_connections = 200\nlog_line_prefix = '%m [%p] %d '\n{more}",
            self.port,
            self.directory.path().display(),
        );
        let path = self.directory.path().join("data/postgresql.auto.conf");
        let mut file = File::options().append(true).open(path).expect("the settings");
        file.write_all(settings.as_bytes()).expect("configure");
    }

    /// A program of PostgreSQL, run as the cluster's user in its directory.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = command(self.user.as_ref(), binaries::directory().join(program));
        command.current_dir(self.directory.path()).stdin(Stdio::null());
        command
    }

    fn server_command(&self) -> Command {
        match &self.clock {
            Some(clock) => clock.server_command(self.user.as_ref(), self.directory.path()),
            None => self.command("postgres"),
        }
    }

    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pid(&self) -> Option<i32> {
        self.server().as_ref().and_then(|child| i32::try_from(child.id()).ok())
    }

    /// Starts the server after [`Cluster::stop`] or [`Cluster::kill`], on the same port, and comes
    /// back when it answers.
    ///
    /// # Panics
    /// Where it does not start; the server's own words are in the message.
    pub fn start_again(&self) {
        let log_path = self.directory.path().join("log");
        let log = File::options().create(true).append(true).open(log_path).expect("the log");
        let mut command = self.server_command();
        // In a process group of its own, as the janitor is.
        command.process_group(0).args(["-D", "data"]).stdout(Stdio::null()).stderr(log);
        let mut child = spawn_for_good(command).expect("run setpriv (util-linux)");
        let pid = child.id().to_string();
        wait_until("starting PostgreSQL", LIMIT, || {
            assert!(child.try_wait().expect("look at the server").is_none(), "{}", self.log());
            // The server writes its own pid first and its state last.
            let state = fs::read_to_string(self.directory.path().join("data/postmaster.pid"));
            state.is_ok_and(|text| text.lines().next() == Some(&pid) && text.trim_end().ends_with("ready"))
        });
        *self.server() = Some(child);
    }

    /// Stops the server in good order; open connections are ended.
    pub fn stop(&self) {
        self.end(Signal::INT);
    }

    /// Kills all its processes at once, as a power failure would.
    pub fn kill(&self) {
        let Some(pid) = self.pid() else { return };
        let processes = freeze(pid);
        for &process in &processes {
            send(process, Signal::KILL);
        }
        if let Some(mut child) = self.server().take() {
            let _ = child.wait();
        }
        wait_until("killing PostgreSQL", LIMIT, || !processes.iter().any(|&process| is_alive(process)));
    }

    fn end(&self, signal: Signal) {
        self.resume();
        if let Some(mut child) = self.server().take() {
            send(i32::try_from(child.id()).expect("a pid"), signal);
            wait_until("stopping PostgreSQL", LIMIT, || {
                child.try_wait().expect("look at the server").is_some()
            });
        }
    }

    /// Freezes all its processes: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        if let Some(pid) = self.pid() {
            freeze(pid);
        }
    }

    /// Lets it go on after [`Cluster::pause`].
    pub fn resume(&self) {
        if let Some(pid) = self.pid() {
            for process in children(pid).into_iter().chain([pid]) {
                send(process, Signal::CONT);
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    /// The address of `database` over TCP, as the superuser `postgres`.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@{}/{database}", self.address())
    }

    /// The directory of its Unix socket.
    #[must_use]
    pub fn socket_directory(&self) -> &Path {
        self.directory.path()
    }

    /// What it has logged so far. Every line names the time, the process and the database.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

/// Runs a program of PostgreSQL's, which must succeed.
pub(crate) fn succeed(command: &mut Command) {
    let output = command.output().expect("run setpriv (util-linux)");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end(Signal::QUIT);
        let janitor = self.janitor.get_mut().unwrap_or_else(PoisonError::into_inner);
        drop(janitor.stdin.take());
        let _ = janitor.wait();
    }
}

/// Stops the processes of the server with this pid, and gives back the pids of all of them.
fn freeze(pid: i32) -> Vec<i32> {
    // The first process before the others, so that none is started meanwhile.
    send(pid, Signal::STOP);
    let mut processes = children(pid);
    processes.push(pid);
    for &process in &processes {
        send(process, Signal::STOP);
    }
    processes
}

/// In a process group of its own, so that an interrupt from the terminal does not end it.
fn janitor(directory: &Path) -> Child {
    Command::new("sh")
        .args(["-c", JANITOR, "janitor"])
        .arg(directory)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("run sh")
}

/// A port that nobody listens on, from below the range that Linux takes the ports of outgoing
/// connections from: while the server is stopped, no connection may take its place.
pub(crate) fn free_port() -> u16 {
    const FIRST: u32 = 15_000;
    const COUNT: u32 = 17_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Test processes begin in different places, because two may look at the same time.
    let offset = std::process::id().wrapping_mul(101);
    (0..COUNT)
        .map(|_| FIRST + offset.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("a free port")
}
