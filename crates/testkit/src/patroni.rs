//! A cluster that Patroni watches over.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    binaries,
    cluster::free_port,
    processes::{children, is_alive, send, spawn_for_good, wait_until},
    user::{User, command},
};

const LIMIT: Duration = Duration::from_mins(2);
/// Within which one that was asked a question over HTTP has answered, or is taken for silent.
const SILENT: Duration = Duration::from_secs(1);

/// Two nodes, each a PostgreSQL with its Patroni, and etcd, in which they agree on who is the primary.
/// A primary that says nothing for 20 s is replaced. All end when this is dropped.
#[derive(Debug)]
pub struct Patroni {
    nodes: [Node; 2],
    etcd: Child,
    directory: TempDir,
}

#[derive(Debug)]
struct Node {
    process: Child,
    address: SocketAddr,
    control: SocketAddr,
}

impl Patroni {
    /// Starts a cluster, and comes back when it has a primary and a standby that follows it. Where it is
    /// `synchronous`, the primary acknowledges what the standby has as well.
    ///
    /// # Panics
    /// Where one of the programs does not start, or this is not run as root.
    #[must_use]
    pub fn start(patroni: &Path, etcd: &Path, synchronous: bool) -> Self {
        let directory = tempfile::Builder::new().prefix("capykeys-patroni-").tempdir().expect("a directory");
        let user = User::to_become();
        if let Some(user) = &user {
            user.own(directory.path());
        }
        let client = loopback();
        let etcd = start_etcd(user.as_ref(), etcd, directory.path(), client);
        wait_until("starting etcd", LIMIT, || TcpStream::connect(client).is_ok());
        let nodes = [0, 1].map(|number| {
            let (address, control) = (loopback(), loopback());
            let settings = directory.path().join(format!("{number}.yml"));
            let text = settings_of(number, directory.path(), client, address, control, synchronous);
            fs::write(&settings, text).expect("configure");
            let mut command = command(user.as_ref(), patroni);
            command.arg(&settings).env("HOME", directory.path());
            Node { process: spawn(command, directory.path(), &number.to_string()), address, control }
        });
        let cluster = Self { nodes, etcd, directory };
        cluster.await_standby(if synchronous { "/sync" } else { "/replica?lag=0" });
        cluster
    }

    /// Comes back when there is one primary, whichever it is, and a standby that follows it.
    ///
    /// # Panics
    /// Where there never is.
    pub fn await_agreement(&self) {
        self.await_standby("/replica");
    }

    fn await_standby(&self, standby: &str) {
        wait_until("the nodes agree on who is the primary", LIMIT, || {
            let count = |path| self.nodes().into_iter().filter(|&node| self.says(node, path)).count();
            count("/primary") == 1 && count(standby) == 1
        });
    }

    /// The numbers of its nodes.
    #[must_use]
    pub fn nodes(&self) -> [usize; 2] {
        [0, 1]
    }

    /// Where a node's PostgreSQL listens.
    #[must_use]
    pub fn address(&self, node: usize) -> SocketAddr {
        self.nodes[node].address
    }

    /// Where a node's Patroni does.
    #[must_use]
    pub fn control(&self, node: usize) -> SocketAddr {
        self.nodes[node].control
    }

    /// Whether a node calls itself the primary.
    #[must_use]
    pub fn is_primary(&self, node: usize) -> bool {
        self.says(node, "/primary")
    }

    /// Freezes a node, both programs with all their processes.
    pub fn pause(&self, node: usize) {
        self.signal(node, Signal::STOP);
    }

    /// Lets it go on after [`Patroni::pause`].
    pub fn resume(&self, node: usize) {
        self.signal(node, Signal::CONT);
    }

    /// The first process of each before the others, so that none is started meanwhile.
    fn signal(&self, node: usize, signal: Signal) {
        let watcher = i32::try_from(self.nodes[node].process.id()).expect("a pid");
        send(watcher, signal);
        let Some(server) = self.server(node) else { return };
        send(server, signal);
        for child in children(server) {
            send(child, signal);
        }
    }

    /// The first process of a node's PostgreSQL.
    fn server(&self, node: usize) -> Option<i32> {
        let file = self.directory.path().join(format!("data{node}/postmaster.pid"));
        fs::read_to_string(file).ok()?.lines().next()?.parse().ok()
    }

    /// Whether Patroni answers 200 there.
    fn says(&self, node: usize, path: &str) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect_timeout(&self.control(node), SILENT)?;
            stream.set_read_timeout(Some(SILENT))?;
            write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
            let mut status = [0; 12];
            stream.read_exact(&mut status)?;
            Ok::<_, std::io::Error>(status.ends_with(b" 200"))
        };
        ask().unwrap_or(false)
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        for node in self.nodes() {
            if thread::panicking() {
                // The test has failed, and the reason may be the cluster's own.
                let log = fs::read_to_string(self.directory.path().join(format!("{node}.log")));
                println!("node {node}: {}", log.unwrap_or_default());
            }
            self.resume(node);
            // Patroni ends its PostgreSQL, unless that has to be made to.
            let server = self.server(node);
            send(i32::try_from(self.nodes[node].process.id()).expect("a pid"), Signal::KILL);
            let _ = self.nodes[node].process.wait();
            if let Some(server) = server {
                send(server, Signal::QUIT);
                wait_until("stopping PostgreSQL", LIMIT, || !is_alive(server));
            }
        }
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}

fn spawn(mut command: Command, directory: &Path, name: &str) -> Child {
    let log = fs::File::create(directory.join(format!("{name}.log"))).expect("a log");
    let errors = log.try_clone().expect("a log");
    command.current_dir(directory).stdin(Stdio::null()).stdout(log).stderr(errors);
    spawn_for_good(command).expect("run setpriv (util-linux)")
}

fn start_etcd(user: Option<&User>, program: &Path, directory: &Path, client: SocketAddr) -> Child {
    let peer = loopback();
    let mut command = command(user, program);
    command
        .args(["--name=one", "--data-dir=etcd", "--unsafe-no-fsync"])
        .arg(format!("--listen-client-urls=http://{client}"))
        .arg(format!("--advertise-client-urls=http://{client}"))
        .arg(format!("--listen-peer-urls=http://{peer}"))
        .arg(format!("--initial-advertise-peer-urls=http://{peer}"))
        .arg(format!("--initial-cluster=one=http://{peer}"));
    spawn(command, directory, "etcd")
}

fn settings_of(
    number: usize,
    directory: &Path,
    etcd: SocketAddr,
    address: SocketAddr,
    control: SocketAddr,
    synchronous: bool,
) -> String {
    let (directory, programs) = (directory.display(), binaries::directory());
    let programs = programs.display();
    format!(
        "scope: test
name: node{number}
restapi: {{listen: '{control}', connect_address: '{control}'}}
etcd3: {{hosts: '{etcd}'}}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 2
    retry_timeout: 5
    synchronous_mode: {synchronous}
    postgresql: {{use_pg_rewind: true, parameters: {{wal_log_hints: 'on', max_connections: 200}}}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}]
postgresql:
  listen: '{address}'
  connect_address: '{address}'
  data_dir: '{directory}/data{number}'
  bin_dir: '{programs}'
  pgpass: '{directory}/pgpass{number}'
  authentication:
    superuser: {{username: postgres, password: p}}
    replication: {{username: replicator, password: p}}
    rewind: {{username: rewinder, password: p}}
  parameters: {{unix_socket_directories: '{directory}'}}
  pg_hba: ['local all all trust', 'host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust']
"
    )
}
