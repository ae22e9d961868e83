//! What is done to the primary.

use std::time::{Duration, Instant};

use crate::world::{COUNT, World};

/// For how long one of the etcds is gone, and a disk full: longer than anybody waits for anything.
const WHILE: Duration = Duration::from_secs(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillPostgres,
    KillNode,
    Partition,
    Split,
    SplitUnfenced,
    PauseNode,
    PausePostgres,
    PausePatroni,
    FillDisk,
    SwitchOver,
    OneEtcd,
    AllEtcd,
}

/// Whom it has hit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Struck {
    /// The primary.
    pub(crate) node: usize,
    /// The server that is cut off with it, where one is, and the etcd that is gone.
    pub(crate) other: usize,
    pub(crate) at: Instant,
}

impl Fault {
    pub(crate) const ALL: [Self; 12] = [
        Self::KillPostgres,
        Self::KillNode,
        Self::Partition,
        Self::Split,
        Self::SplitUnfenced,
        Self::PauseNode,
        Self::PausePostgres,
        Self::PausePatroni,
        Self::FillDisk,
        Self::SwitchOver,
        Self::OneEtcd,
        Self::AllEtcd,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KillPostgres => "PostgreSQL is killed",
            Self::KillNode => "the node is killed: PostgreSQL and Patroni",
            Self::Partition => "the node is cut off from all others",
            Self::Split => "the node and one server are cut off from all others",
            Self::SplitUnfenced => {
                "the same, and nothing fences them: Patroni stands still, and HAProxy does not look"
            }
            Self::PauseNode => "the node stands still, and goes on",
            Self::PausePostgres => "PostgreSQL alone stands still, and goes on",
            Self::PausePatroni => "Patroni alone stands still, and goes on",
            Self::FillDisk => "the node's disk is full",
            Self::SwitchOver => "a switchover on request",
            Self::OneEtcd => "one etcd is gone",
            Self::AllEtcd => "all of etcd is gone",
        }
    }

    pub(crate) fn strike(self, world: &mut World<'_>, Struck { node, other, .. }: Struck) {
        let cluster = &mut world.cluster;
        match self {
            Self::KillPostgres => cluster.kill_server(node),
            Self::KillNode => cluster.kill(node),
            Self::Partition => world.network.cut(&[world.node(node)]),
            Self::Split => world.network.cut(&[world.node(node), world.server(other)]),
            Self::SplitUnfenced => {
                cluster.pause_watcher(node);
                world.balancers[other].look_away(node);
                world.network.cut(&[world.node(node), world.server(other)]);
            }
            Self::PauseNode => cluster.pause(node),
            Self::PausePostgres => cluster.pause_server(node),
            Self::PausePatroni => cluster.pause_watcher(node),
            Self::FillDisk => cluster.fill(node),
            Self::SwitchOver => cluster.switch_over(node),
            Self::OneEtcd => cluster.kill_member(other),
            Self::AllEtcd => (0..COUNT).for_each(|member| cluster.kill_member(member)),
        }
    }

    /// Whether it has come to what it does; only from then on it is looked whether all is back.
    pub(crate) fn has_struck(self, world: &World<'_>, struck: Struck) -> bool {
        let cluster = &world.cluster;
        match self {
            // Patroni starts it again, and takes no other in its place.
            Self::KillPostgres => true,
            // PostgreSQL goes on as far as it can, and Patroni lets it, unless it ends.
            Self::OneEtcd | Self::FillDisk => struck.at.elapsed() > WHILE,
            Self::AllEtcd => cluster.primary().is_none(),
            _ => cluster.nodes().any(|node| node != struck.node && cluster.is_primary(node)),
        }
    }

    /// The servers that have to be back before it is mended.
    pub(crate) fn near(self, struck: Struck) -> Vec<usize> {
        let is_near = |server: &usize| match self {
            Self::AllEtcd | Self::FillDisk => false,
            Self::Split | Self::SplitUnfenced => *server != struck.other,
            _ => true,
        };
        (0..COUNT).filter(is_near).collect()
    }

    pub(crate) fn mend(self, world: &mut World<'_>, Struck { node, other, .. }: Struck) {
        let cluster = &mut world.cluster;
        match self {
            Self::KillPostgres | Self::SwitchOver => {}
            Self::KillNode => cluster.start_again(node),
            Self::Partition | Self::Split => world.network.mend(),
            Self::SplitUnfenced => {
                world.network.mend();
                cluster.resume(node);
                world.balancers[other].look_again(node);
            }
            Self::PauseNode | Self::PausePostgres | Self::PausePatroni => cluster.resume(node),
            Self::FillDisk => cluster.empty(node),
            Self::OneEtcd => cluster.start_member(other),
            Self::AllEtcd => (0..COUNT).for_each(|member| cluster.start_member(member)),
        }
    }
}
