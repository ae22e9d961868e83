//! A PostgreSQL with its Patroni.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{LIMIT, listening, spawn};
use crate::{
    Host,
    cluster::succeed,
    processes::{children, is_alive, send, wait_until},
    user::User,
};

/// Within which one that was asked a question over HTTP has answered, or is taken for silent.
const SILENT: Duration = Duration::from_secs(1);

/// One of the nodes.
#[derive(Debug)]
pub(super) struct Node {
    number: usize,
    host: Host,
    /// Where its PostgreSQL listens.
    pub(super) address: SocketAddr,
    /// Where its Patroni does.
    pub(super) control: SocketAddr,
    /// Its Patroni.
    process: Option<Child>,
    /// Where its data are.
    disk: PathBuf,
}

impl Node {
    /// Its disk, of this size where that is limited.
    pub(super) fn new(
        number: usize,
        host: &Host,
        directory: &Path,
        user: Option<&User>,
        size: Option<&str>,
    ) -> Self {
        let disk = directory.join(format!("disk{number}"));
        fs::create_dir(&disk).expect("a folder");
        if let Some(size) = size {
            let options = format!("size={size}");
            succeed(Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&disk));
        }
        if let Some(user) = user {
            user.own(&disk);
        }
        let (address, control) = (listening(host), listening(host));
        Self { number, host: host.clone(), address, control, process: None, disk }
    }

    /// Starts Patroni, which starts PostgreSQL.
    pub(super) fn start(&mut self, user: Option<&User>, program: &Path, directory: &Path) {
        let mut command = self.host.command(user, program);
        command.arg(directory.join(format!("{}.yml", self.number))).env("HOME", directory);
        self.process = Some(spawn(command, directory, &self.number.to_string()));
    }

    /// The pid of its Patroni.
    fn watcher(&self) -> Option<i32> {
        self.process.as_ref().map(|process| i32::try_from(process.id()).expect("a pid"))
    }

    /// The pids of its PostgreSQL, the first process before the others, so that none is started meanwhile.
    fn server(&self) -> Option<i32> {
        let file = self.disk.join("data/postmaster.pid");
        let pid = fs::read_to_string(file).ok()?.lines().next()?.parse().ok()?;
        // The file outlives a server that was killed, and the number may be somebody else's by now.
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (is_alive(pid) && name.trim() == "postgres").then_some(pid)
    }

    pub(super) fn signal_watcher(&self, signal: Signal) {
        if let Some(watcher) = self.watcher() {
            send(watcher, signal);
        }
    }

    /// The first process of PostgreSQL last: it may be about to end, and its children would be nobody's.
    pub(super) fn resume_server(&self) {
        let Some(server) = self.server() else { return };
        children(server).into_iter().chain([server]).for_each(|process| send(process, Signal::CONT));
    }

    pub(super) fn signal_server(&self, signal: Signal) -> Vec<i32> {
        let Some(server) = self.server() else { return Vec::new() };
        send(server, signal);
        let mut processes = children(server);
        for &process in &processes {
            send(process, signal);
        }
        processes.push(server);
        processes
    }

    /// Kills PostgreSQL, all processes at once.
    pub(super) fn kill_server(&self) {
        let processes = self.signal_server(Signal::STOP);
        // Not by asking for them again: once the first is gone, its children are nobody's, and would stand still for ever.
        for &process in &processes {
            send(process, Signal::KILL);
        }
        wait_until("killing PostgreSQL", LIMIT, || !processes.iter().any(|&process| is_alive(process)));
    }

    pub(super) fn kill_watcher(&mut self) {
        self.signal_watcher(Signal::KILL);
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }

    /// Leaves no room on its disk.
    pub(super) fn fill(&self) {
        let filler = fs::File::create(self.filler());
        let Ok(mut filler) = filler else { return };
        let block = vec![0; 64 * 1024];
        while filler.write_all(&block).is_ok() {}
        while filler.write_all(&block[..512]).is_ok() {}
    }

    /// Gives it back.
    pub(super) fn empty(&self) {
        let _ = fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.disk.join("filler")
    }

    /// What Patroni says of it; none where it says nothing.
    pub(super) fn state(&self) -> Option<Value> {
        let (_, body) = self.ask("GET /patroni", "")?;
        serde_json::from_str(&body).ok()
    }

    /// Whether Patroni answers 200 there.
    pub(super) fn says(&self, path: &str) -> bool {
        self.ask(&format!("GET {path}"), "").is_some_and(|(status, _)| status == 200)
    }

    /// Sends Patroni a request; the status and the body of its answer.
    pub(super) fn ask(&self, line: &str, body: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect_timeout(&self.control, SILENT).ok()?;
        stream.set_read_timeout(Some(if body.is_empty() { SILENT } else { LIMIT })).ok()?;
        write!(stream, "{line} HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.get(9..12)?.parse().ok()?, body.to_owned()))
    }

    /// Ends all of it.
    pub(super) fn end(&mut self) {
        self.signal_watcher(Signal::CONT);
        self.kill_watcher();
        self.resume_server();
        let Some(server) = self.server() else { return };
        send(server, Signal::QUIT);
        wait_until("stopping PostgreSQL", LIMIT, || !is_alive(server));
    }
}
