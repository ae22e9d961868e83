//! The processes of a cluster: finding them, signalling them, waiting for their end.

use std::{
    fs, io,
    process::{Child, Command},
    sync::{
        LazyLock,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at a condition that nothing reports.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits until `condition` holds; panics where it does not within `limit`.
pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(LOOK_AGAIN);
    }
}

type Job = (Command, Sender<io::Result<Child>>);

/// Spawns from a thread that never ends: a parent-death signal is sent when the spawning *thread*
/// ends, and the threads of tests end with their tests.
pub(crate) fn spawn_for_good(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Sender<Job>> = LazyLock::new(|| {
        let (jobs, queue) = channel::<Job>();
        thread::spawn(move || {
            for (mut command, answer) in queue {
                let _ = answer.send(command.spawn());
            }
        });
        jobs
    });
    let (answer, result) = channel();
    SPAWNER.send((command, answer)).map_err(io::Error::other)?;
    result.recv().map_err(io::Error::other)?
}

/// A process as `/proc` shows it.
struct Process {
    pid: i32,
    parent: i32,
    zombie: bool,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in parentheses and may contain anything; the fields follow the last one.
        let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
        let zombie = matches!(fields.next()?, "Z" | "X");
        Some(Self { pid, parent: fields.next()?.parse().ok()?, zombie })
    }
}

/// The pids of the living children of `parent`. Not by process group: every PostgreSQL backend
/// leads a session of its own.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    fs::read_dir("/proc")
        .expect("read /proc")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::read)
        .filter(|process| process.parent == parent && !process.zombie)
        .map(|process| process.pid)
        .collect()
}

/// Whether the process is there and not a zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    Process::read(pid).is_some_and(|process| !process.zombie)
}

/// Sends `signal`; a process that is gone is none to send it to.
pub(crate) fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}
