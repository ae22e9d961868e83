//! A process of its own that works on the store.

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Lines, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use super::Rig;

/// Stands before everything that a process says to its test, for the test harness says something as well.
const MARK: &str = "[capykeys] ";

/// Says something to the test that has started this process.
#[expect(clippy::print_stdout, reason = "that is how the two speak")]
pub(super) fn say(what: &str) {
    println!("{MARK}{what}");
}

/// A process that was given a task. It is killed when this is dropped.
pub(super) struct Process {
    child: Child,
    tasks: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts the test's own program again, in `folder`.
    pub(super) fn start(rig: Rig, folder: &Path, task: &str) -> Self {
        Self::start_with(rig, folder, task, |_| ())
    }

    /// The same, of a command that was changed before.
    pub(super) fn start_with(rig: Rig, folder: &Path, task: &str, change: impl FnOnce(&mut Command)) -> Self {
        let (program, arguments) = program(rig);
        let mut command = Command::new(program);
        command.args(arguments);
        change(&mut command);
        let child = command.current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("it starts");
        let (tasks, said) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut process = Self { child, tasks, lines: BufReader::new(said).lines() };
        process.tell(task);
        process
    }

    /// The same, with files that grow to this many bytes and no further.
    pub(super) fn start_with_files_of(rig: Rig, folder: &Path, task: &str, bytes: u64) -> Self {
        // The shell counts in blocks of 512 bytes, and some in those of 1024. Without the trap the process would end.
        let limit = r#"trap '' XFSZ; ulimit -f "$0"; exec "$@""#;
        Self::start_with(rig, folder, task, |command| {
            let (program, arguments) = program(rig);
            *command = Command::new("sh");
            command.args(["-c", limit, &(bytes / 512).to_string()]).arg(program).args(arguments);
        })
    }

    /// Gives it another task.
    pub(super) fn tell(&mut self, task: &str) {
        writeln!(self.tasks, "{task}").expect("it listens");
    }

    /// What it says next; `None` once it has ended.
    pub(super) fn next(&mut self) -> Option<String> {
        loop {
            let line = self.lines.next()?.expect("text");
            if let Some((_, said)) = line.split_once(MARK) {
                return Some(said.to_owned());
            }
        }
    }

    /// What it says next is this.
    pub(super) fn says(&mut self, expected: &str) {
        assert_eq!(self.next().as_deref(), Some(expected));
    }

    /// Kills it as it is, and what it had said before.
    pub(super) fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("it is ours");
        std::iter::from_fn(|| self.next()).collect()
    }

    /// Waits until it has ended, in order; what it has said.
    pub(super) fn finish(mut self) -> Vec<String> {
        let said = std::iter::from_fn(|| self.next()).collect();
        assert!(self.child.wait().expect("it is ours").success(), "the process has failed: see above");
        said
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The test `process` in this program.
fn program(rig: Rig) -> (OsString, [String; 5]) {
    let program = std::env::current_exe().expect("this program");
    let module = rig.module.split_once("::").map(|(_, module)| format!("{module}::")).unwrap_or_default();
    let flags = ["--exact", "--include-ignored", "--nocapture", "--test-threads=1"].map(str::to_owned);
    let [exact, ignored, shown, alone] = flags;
    (program.into(), [exact, format!("{module}process"), ignored, shown, alone])
}
