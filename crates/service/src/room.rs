//! How many connections there is room for: each takes one of the files that a process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// For the process itself: its log, its listeners, its databases' files, what a command line tool or
/// a library opens for a moment.
const OWN: u64 = 64;

/// What a worker has: its queues of events.
const OF_A_WORKER: u64 = 8;

/// Room for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Of each listener. They share nothing, so that connections to the API, which anybody may open,
    /// keep nobody from the listeners for the cluster, nor the service from its store.
    pub(crate) connections: usize,
}

impl Room {
    /// Has the system allow as many open files as are needed, by the store so many, as far as it does, and
    /// says in the log what there is room for.
    pub(crate) fn make(config: &Config, store: u64) -> Self {
        let needs = Needs::of(config, store);
        let open_files = raise(needs.files());
        let room = needs.room(open_files);
        let (wanted, reserved) = (needs.connections, needs.reserved);
        if room.connections < wanted {
            let granted = room.connections;
            tracing::warn!(
                open_files,
                reserved,
                granted,
                wanted,
                "the system allows too few open files for server.max_connections: each listener keeps fewer"
            );
        } else {
            tracing::info!(
                open_files,
                reserved,
                connections = wanted,
                "each listener has room for connections"
            );
        }
        room
    }
}

/// What files are needed for.
struct Needs {
    /// Of each listener.
    connections: usize,
    listeners: u64,
    /// For everything else.
    reserved: u64,
}

impl Needs {
    fn of(config: &Config, store: u64) -> Self {
        let listeners = if config.internal.grpc_listen.is_some() { 3 } else { 2 };
        let threads = config.server.workers().saturating_mul(listeners).saturating_mul(OF_A_WORKER);
        let reserved = OWN.saturating_add(store).saturating_add(threads);
        Self { connections: config.server.max_connections, listeners, reserved }
    }

    fn files(&self) -> u64 {
        let connections = u64::try_from(self.connections).unwrap_or(u64::MAX);
        connections.saturating_mul(self.listeners).saturating_add(self.reserved)
    }

    /// What so many files leave for connections; one, where it is less than nothing.
    fn room(&self, open_files: u64) -> Room {
        let left = open_files.saturating_sub(self.reserved) / self.listeners;
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        Room { connections: self.connections.min(left).max(1) }
    }
}

/// Raises the soft limit to what is needed, or to the hard limit where that is less. Gives back what
/// is allowed now.
fn raise(needed: u64) -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // `None` is no limit.
    let Some(soft) = current.filter(|soft| *soft < needed) else { return current.unwrap_or(u64::MAX) };
    let raised = maximum.map_or(needed, |hard| hard.min(needed));
    match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
        Ok(()) => raised,
        Err(error) => {
            tracing::warn!(%error, "the limit of open files cannot be raised");
            soft
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_listener_has_its_part_of_what_is_left() {
        let needs = Needs { connections: 1_000, listeners: 3, reserved: 100 };
        assert_eq!(needs.files(), 3_100);
        for (open_files, connections) in
            [(10_000, 1_000), (3_100, 1_000), (1_024, 308), (100, 1), (0, 1), (u64::MAX, 1_000)]
        {
            assert_eq!(needs.room(open_files).connections, connections, "{open_files}");
        }
    }
}
