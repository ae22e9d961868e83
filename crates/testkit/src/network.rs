//! Machines that are played by network namespaces, so that what is between two of them can be cut.

use std::{ffi::OsStr, fs, net::Ipv4Addr, path::PathBuf, process::Command};

use crate::{
    cluster::succeed,
    user::{User, command},
};

/// Where `ip` keeps them; what is there already belongs to somebody else and is not seen from here.
const NAMESPACES: &str = "/run/netns";

/// Where programs run, with an address of its own.
#[derive(Clone, Debug)]
pub struct Host {
    address: Ipv4Addr,
    /// None where it is this machine.
    namespace: Option<PathBuf>,
}

impl Host {
    /// This machine.
    #[must_use]
    pub const fn this() -> Self {
        Self { address: Ipv4Addr::LOCALHOST, namespace: None }
    }

    /// Its address, for others and for itself.
    #[must_use]
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What to put before a command line, so that it runs there.
    #[must_use]
    pub fn prefix(&self) -> Vec<String> {
        let enter =
            |path: &PathBuf| vec!["nsenter".to_owned(), format!("--net={}", path.display()), "--".to_owned()];
        self.namespace.as_ref().map(enter).unwrap_or_default()
    }

    /// `program`, to be run there as `user`.
    pub(crate) fn command(&self, user: Option<&User>, program: impl AsRef<OsStr>) -> Command {
        let inner = command(user, program);
        let [enter, arguments @ ..] = &self.prefix()[..] else { return inner };
        let mut outer = Command::new(enter);
        outer.args(arguments).arg(inner.get_program()).args(inner.get_args());
        outer
    }
}

/// Hosts that reach each other through this process's own namespace, which reaches all of them, whatever is
/// cut between them.
#[derive(Debug)]
pub struct Network {
    hosts: Vec<Host>,
}

impl Network {
    /// So many hosts.
    ///
    /// # Panics
    /// Where this process is not root in a network namespace and a mount namespace of its own (`unshare --net
    /// --mount`), which takes all of this along when it ends.
    #[must_use]
    pub fn start(hosts: u8) -> Self {
        let links = Command::new("ip").args(["-oneline", "link"]).output().expect("run ip (iproute2)");
        let links = String::from_utf8_lossy(&links.stdout).lines().count();
        assert!(links == 1, "not in a network namespace of its own: run this by scripts/soak-ha");
        run("ip link set lo up");
        fs::create_dir_all(NAMESPACES).expect("a folder for them");
        run(&format!("mount -t tmpfs none {NAMESPACES}"));
        fs::write("/proc/sys/net/ipv4/ip_forward", "1").expect("forward what passes");
        Self { hosts: (1..=hosts).map(host).collect() }
    }

    /// All of them.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// Lets nothing pass any more between these hosts and all others; silently, as a broken cable does.
    pub fn cut(&self, side: &[&Host]) {
        for one in side {
            for other in side {
                run(&format!("iptables -A FORWARD -s {} -d {} -j ACCEPT", one.address, other.address));
            }
        }
        for one in side {
            run(&format!("iptables -A FORWARD -s {} -j DROP", one.address));
            run(&format!("iptables -A FORWARD -d {} -j DROP", one.address));
        }
    }

    /// Lets everything pass again.
    pub fn mend(&self) {
        run("iptables -F FORWARD");
    }
}

fn host(number: u8) -> Host {
    let (inside, outside) = (Ipv4Addr::new(10, 77, number, 1), Ipv4Addr::new(10, 77, number, 254));
    run(&format!("ip netns add h{number}"));
    run(&format!("ip link add v{number} type veth peer name e netns h{number}"));
    run(&format!("ip addr add {outside}/24 dev v{number}"));
    run(&format!("ip link set v{number} up"));
    run(&format!("ip -n h{number} addr add {inside}/24 dev e"));
    run(&format!("ip -n h{number} link set e up"));
    run(&format!("ip -n h{number} link set lo up"));
    run(&format!("ip -n h{number} route add default via {outside}"));
    Host { address: inside, namespace: Some(format!("{NAMESPACES}/h{number}").into()) }
}

fn run(line: &str) {
    let mut words = line.split(' ');
    succeed(Command::new(words.next().expect("a program")).args(words));
}
