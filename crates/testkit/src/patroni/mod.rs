//! A cluster that Patroni watches over.

mod etcd;
mod node;
mod settings;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use self::{etcd::Member, node::Node};
use crate::{
    Host,
    cluster::free_port,
    processes::{spawn_for_good, wait_until},
    user::User,
};

pub use settings::{LOOP_WAIT, Plan, RETRY_TIMEOUT, Replication, TTL};

const LIMIT: Duration = Duration::from_mins(2);

/// Nodes, each a PostgreSQL with its Patroni, and etcd, in which they agree on who is the primary. A primary
/// that says nothing for [`TTL`] is replaced. All end when this is dropped.
#[derive(Debug)]
pub struct Patroni {
    nodes: Vec<Node>,
    members: Vec<Member>,
    /// The programs of Patroni and etcd.
    programs: [PathBuf; 2],
    user: Option<User>,
    directory: TempDir,
}

impl Patroni {
    /// Starts a cluster of two nodes and one etcd on this machine, and comes back when it has a primary and a
    /// standby that follows it.
    ///
    /// # Panics
    /// Where one of the programs does not start, or this is not run as root.
    #[must_use]
    pub fn start(patroni: &Path, etcd: &Path, replication: Replication) -> Self {
        let hosts = [Host::this(), Host::this()];
        Self::on(&Plan { patroni, etcd, nodes: &hosts, members: &hosts[..1], replication, disk: None })
    }

    /// Starts a cluster as it is planned, and comes back when it is whole.
    ///
    /// # Panics
    /// As [`Patroni::start`].
    #[must_use]
    pub fn on(plan: &Plan<'_>) -> Self {
        let directory = tempfile::Builder::new().prefix("capykeys-patroni-").tempdir().expect("a directory");
        let (path, user) = (directory.path(), User::to_become());
        if let Some(user) = &user {
            user.own(path);
        }
        let members: Vec<_> =
            (0..).zip(plan.members).map(|(number, host)| Member::new(number, host)).collect();
        let etcd: Vec<_> = members.iter().map(|member| member.client).collect();
        let node = |(number, host)| {
            let node = Node::new(number, host, path, user.as_ref(), plan.disk);
            let text = plan.text(number, path, &etcd, [node.address, node.control]);
            fs::write(path.join(format!("{number}.yml")), text).expect("configure");
            node
        };
        let nodes = (0..).zip(plan.nodes).map(node).collect();
        let programs = [plan.patroni.to_owned(), plan.etcd.to_owned()];
        let mut cluster = Self { nodes, members, programs, user, directory };
        (0..cluster.members.len()).for_each(|member| cluster.start_member(member));
        cluster.members.iter().for_each(Member::await_start);
        (0..cluster.nodes.len()).for_each(|node| cluster.start_again(node));
        let synchronous = plan.replication != Replication::Asynchronous;
        wait_until("the cluster is whole", LIMIT, || cluster.is_whole(synchronous));
        cluster
    }

    /// Comes back when there is one primary, whichever it is, and all others follow it.
    ///
    /// # Panics
    /// Where there never is.
    pub fn await_agreement(&self) {
        wait_until("the nodes agree on who is the primary", LIMIT, || self.is_whole(false));
    }

    /// Whether there is one primary and all others stream from it, one of them synchronously where that is asked
    /// for.
    #[must_use]
    pub fn is_whole(&self, synchronous: bool) -> bool {
        let others = self.nodes.len() - 1;
        let following = |state: &Value| {
            let standbys = state["replication"].as_array().map_or(&[][..], Vec::as_slice);
            let count = |name, value| standbys.iter().filter(|standby| standby[name] == value).count();
            count("state", "streaming") == others && (!synchronous || count("sync_state", "sync") == 1)
        };
        let count = |path| self.nodes.iter().filter(|node| node.says(path)).count();
        count("/primary") == 1
            && count("/replica") == others
            && self
                .primary()
                .and_then(|primary| self.nodes[primary].state())
                .is_some_and(|state| following(&state))
    }

    /// The numbers of its nodes.
    #[must_use]
    pub fn nodes(&self) -> std::ops::Range<usize> {
        0..self.nodes.len()
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
        self.nodes[node].says("/primary")
    }

    /// The first that does.
    #[must_use]
    pub fn primary(&self) -> Option<usize> {
        self.nodes().find(|&node| self.is_primary(node))
    }

    /// What a node's Patroni says of it; none where it says nothing.
    #[must_use]
    pub fn state(&self, node: usize) -> Option<Value> {
        self.nodes[node].state()
    }

    /// What a node's Patroni and PostgreSQL have logged.
    #[must_use]
    pub fn log(&self, node: usize) -> String {
        fs::read_to_string(self.directory.path().join(format!("{node}.log"))).unwrap_or_default()
    }

    /// Freezes a node, both programs with all their processes.
    pub fn pause(&self, node: usize) {
        self.pause_watcher(node);
        self.pause_server(node);
    }

    /// Freezes its Patroni alone.
    pub fn pause_watcher(&self, node: usize) {
        self.nodes[node].signal_watcher(Signal::STOP);
    }

    /// Freezes its PostgreSQL alone.
    pub fn pause_server(&self, node: usize) {
        self.nodes[node].signal_server(Signal::STOP);
    }

    /// Lets it go on after one of these.
    pub fn resume(&self, node: usize) {
        self.nodes[node].resume_server();
        self.nodes[node].signal_watcher(Signal::CONT);
    }

    /// Kills a node's PostgreSQL, all processes at once.
    pub fn kill_server(&self, node: usize) {
        self.nodes[node].kill_server();
    }

    /// Kills a node's Patroni and PostgreSQL.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill_watcher();
        self.nodes[node].kill_server();
    }

    /// Starts a node after [`Patroni::kill`].
    pub fn start_again(&mut self, node: usize) {
        let [patroni, _] = &self.programs;
        self.nodes[node].start(self.user.as_ref(), patroni, self.directory.path());
    }

    /// Kills one of the etcds.
    pub fn kill_member(&mut self, member: usize) {
        self.members[member].kill();
    }

    /// Starts it, also after that.
    pub fn start_member(&mut self, member: usize) {
        let all = self.members.iter().map(Member::named).collect::<Vec<_>>().join(",");
        let [_, etcd] = &self.programs;
        self.members[member].start(self.user.as_ref(), etcd, self.directory.path(), &all);
    }

    /// Leaves no room on a node's disk.
    pub fn fill(&self, node: usize) {
        self.nodes[node].fill();
    }

    /// Gives it back after [`Patroni::fill`].
    pub fn empty(&self, node: usize) {
        self.nodes[node].empty();
    }

    /// Asks the primary to hand its place over to another.
    ///
    /// # Panics
    /// Where it will not.
    pub fn switch_over(&self, primary: usize) {
        let body = format!("{{\"leader\": \"node{primary}\"}}");
        let answer = self.nodes[primary].ask("POST /switchover", &body);
        assert!(matches!(answer, Some((200, _))), "no switchover: {answer:?}");
    }
}

impl Drop for Patroni {
    fn drop(&mut self) {
        for number in self.nodes() {
            if thread::panicking() {
                // The test has failed, and the reason may be the cluster's own.
                println!("node {number}: {}", self.log(number));
            }
            self.nodes[number].end();
        }
        self.members.iter_mut().for_each(Member::kill);
        for number in self.nodes() {
            // Where it is a disk of its own; nobody else sees it.
            let disk = self.directory.path().join(format!("disk{number}"));
            let _ = Command::new("umount").arg(disk).stderr(Stdio::null()).status();
        }
    }
}

/// Where a program on this host may listen.
fn listening(host: &Host) -> SocketAddr {
    SocketAddr::from((host.address(), free_port()))
}

fn spawn(mut command: Command, directory: &Path, name: &str) -> Child {
    let log = fs::File::options().create(true).append(true).open(directory.join(format!("{name}.log")));
    let log = log.expect("a log");
    let errors = log.try_clone().expect("a log");
    command.current_dir(directory).stdin(Stdio::null()).stdout(log).stderr(errors);
    spawn_for_good(command).expect("run setpriv (util-linux)")
}
