//! HAProxy, which leads connections to one server of a cluster or another.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    time::Duration,
};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::{
    Host, Patroni,
    cluster::free_port,
    processes::{send, spawn_for_good, wait_until},
};

const LIMIT: Duration = Duration::from_mins(1);

/// How often it asks a server of Patroni's.
pub const CHECKED: Duration = Duration::from_secs(1);
/// How often in a row such a server may miss an answer, which is waited for as long as it is to the next.
pub const MISSED: u32 = 2;

/// An HAProxy in front of TCP servers, which are numbered from 0. At first it leads to the first
/// alone. Ends when dropped.
#[derive(Debug)]
pub struct Balancer {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

impl Balancer {
    /// Starts `program` in front of `servers`.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start(program: &Path, servers: &[SocketAddr]) -> Self {
        Self::start_on(&Host::this(), program, servers)
    }

    /// The same on `host`.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn start_on(host: &Host, program: &Path, servers: &[SocketAddr]) -> Self {
        let servers = servers.iter().enumerate().map(|(number, server)| {
            let disabled = if number == 0 { "" } else { " disabled" };
            format!("    server {number} {server}{disabled}\n")
        });
        Self::run(host, program, &servers.collect::<String>())
    }

    /// Starts `program` on `host` in front of a cluster of Patroni's. It leads to whoever calls itself the
    /// primary, which it asks once every [`CHECKED`], and closes the connections to one that has not said so
    /// [`MISSED`] times.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn following(host: &Host, program: &Path, cluster: &Patroni) -> Self {
        let check = format!(
            "    option httpchk GET /primary\n    http-check expect status 200\n    \
             default-server inter {}ms fall {MISSED} rise 1 on-marked-down shutdown-sessions\n",
            CHECKED.as_millis(),
        );
        let servers = cluster.nodes().map(|node| {
            let (server, control) = (cluster.address(node), cluster.control(node).port());
            format!("    server {node} {server} check port {control}\n")
        });
        Self::run(host, program, &format!("{check}{}", servers.collect::<String>()))
    }

    /// Starts `program` in front of servers, each with the address where it says whether it is ready, which
    /// it is asked ten times a second. New connections lead to all in turn that are.
    ///
    /// # Panics
    /// Where it does not start.
    #[must_use]
    pub fn of_ready(program: &Path, servers: &[(SocketAddr, SocketAddr)]) -> Self {
        // A busy server is not one that is not ready.
        let check = "    option httpchk GET /readyz\n    http-check expect status 200\n    timeout check 10s\n    \
             default-server inter 100ms fall 1 rise 1\n";
        let servers = servers.iter().enumerate().map(|(number, (server, health))| {
            format!("    server {number} {server} check addr {} port {}\n", health.ip(), health.port())
        });
        Self::run(&Host::this(), program, &format!("{check}{}", servers.collect::<String>()))
    }

    fn run(host: &Host, program: &Path, servers: &str) -> Self {
        let directory = tempfile::Builder::new().prefix("capykeys-balancer-").tempdir().expect("a directory");
        let address = SocketAddr::from((host.address(), free_port()));
        let settings = directory.path().join("haproxy.cfg");
        fs::write(&settings, configuration(&console(&directory), address, servers)).expect("configure");
        let mut command = host.command(None, program);
        command.args(["-db", "-f"]).arg(&settings);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = spawn_for_good(command).expect("run setpriv (util-linux)");
        wait_until("starting HAProxy", LIMIT, || {
            assert!(process.try_wait().expect("look at it").is_none(), "HAProxy has ended");
            TcpStream::connect(address).is_ok()
        });
        Self { process, address, directory }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to all of `servers` in turn, and to no other.
    ///
    /// # Panics
    /// Where it does not do as it is told.
    pub fn lead_to(&self, servers: &[usize]) {
        let listing = self.tell("show servers state all");
        let known = listing.lines().filter(|line| line.contains(" all ")).count();
        for server in 0..known {
            let verb = if servers.contains(&server) { "enable" } else { "disable" };
            self.tell(&format!("{verb} server all/{server}"));
        }
    }

    /// Whether new connections lead to this server.
    ///
    /// # Panics
    /// Where it does not say.
    #[must_use]
    pub fn leads(&self, server: usize) -> bool {
        let listing = self.tell("show servers state all");
        let mut servers = listing.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        // Its name and its state, 2 of which is up.
        servers.any(|fields| fields.get(3) == Some(&&*server.to_string()) && fields.get(5) == Some(&"2"))
    }

    /// Closes all connections that lead to this server.
    ///
    /// # Panics
    /// Where it does not do as it is told.
    pub fn cut(&self, server: usize) {
        self.tell(&format!("shutdown sessions server all/{server}"));
    }

    /// Asks this server no more whether it is ready, and goes on to take it for what it was.
    ///
    /// # Panics
    /// Where it does not do as it is told.
    pub fn look_away(&self, server: usize) {
        self.tell(&format!("disable health all/{server}"));
    }

    /// Asks it again.
    ///
    /// # Panics
    /// Where it does not do as it is told.
    pub fn look_again(&self, server: usize) {
        self.tell(&format!("enable health all/{server}"));
    }

    fn tell(&self, words: &str) -> String {
        let mut stream = UnixStream::connect(console(&self.directory)).expect("its console");
        writeln!(stream, "{words}").expect("tell it");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("its answer");
        assert!(!answer.contains("No such") && !answer.contains("Unknown"), "{words}: {answer}");
        answer
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        send(i32::try_from(self.process.id()).expect("a pid"), Signal::TERM);
        let _ = self.process.wait();
    }
}

fn console(directory: &TempDir) -> PathBuf {
    directory.path().join("console")
}

fn configuration(console: &Path, address: SocketAddr, servers: &str) -> String {
    format!(
        "global\n    stats socket {} mode 600 level admin\n\
         defaults\n    mode tcp\n    timeout connect 1s\n    timeout client 1h\n    timeout server 1h\n\
         listen all\n    bind {address}\n    balance roundrobin\n{servers}",
        console.display(),
    )
}
