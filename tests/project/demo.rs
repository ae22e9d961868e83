//! The demo runs, and leaves nothing behind.

use std::{
    fs,
    io::Read,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use capykeys_tests::{installation, server::Leash, transcript::Transcript, wait};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_mins(2);

/// A running demo, all of whose folders are in one.
struct Demo {
    child: Child,
    output: Transcript,
    folder: TempDir,
    _leash: Leash,
}

impl Demo {
    fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // PostgreSQL's own user has to get there.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("it is opened");
        let mut child = command
            .env("TMPDIR", folder.path())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let leash = Leash::on_group(child.id(), folder.path());
        let output = Transcript::of(child.stdout.take().expect("a pipe"));
        Self { child, output, folder, _leash: leash }
    }

    /// Waits until it shows that keys were revoked.
    fn runs(&self) {
        let is_revoked = |line: &str| {
            let (_, rest) = line.split_once("revocations ")?;
            let count = rest.split(';').next()?.parse::<u64>().ok()?;
            (count > 0 && rest.contains("accepted after DELETE was answered: 0")).then_some(())
        };
        assert!(self.output.wait_for(LIMIT, is_revoked).is_some(), "{}", self.output.text());
        assert!(self.processes().len() > 5, "{:?}", self.processes());
    }

    /// The line that begins with this.
    fn line(&self, start: &str) -> String {
        let line = |line: &str| line.trim_start().starts_with(start).then(|| line.trim().to_owned());
        self.output.wait_for(LIMIT, line).unwrap_or_else(|| panic!("{start}: {}", self.output.text()))
    }

    /// Processes that work in its folder, or have it in their command line.
    fn processes(&self) -> Vec<PathBuf> {
        let folder = self.folder.path();
        let name = folder.as_os_str().as_encoded_bytes();
        let is_its = |process: &PathBuf| {
            let line = fs::read(process.join("cmdline")).unwrap_or_default();
            fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
                || line.windows(name.len()).any(|part| part == name)
        };
        let processes = fs::read_dir("/proc").expect("processes").flatten().map(|entry| entry.path());
        processes.filter(is_its).collect()
    }

    /// Waits until it has ended, and everything with it.
    fn leaves_nothing(&mut self) {
        wait::until("the demo ends", LIMIT, || self.child.try_wait().expect("its state"));
        // Its own leash has the folder in its command line.
        wait::until("nothing is left", LIMIT, || {
            let left = fs::read_dir(self.folder.path()).expect("the folder").count();
            (left == 0 && self.processes().len() <= 1).then_some(())
        });
    }
}

fn program() -> PathBuf {
    let program = installation::binary().with_file_name("examples/demo");
    assert!(program.exists(), "{} is missing: run `make build`", program.display());
    program
}

fn get(url: &str, key: &str) -> Option<(u16, String)> {
    let client = reqwest::blocking::Client::builder().no_proxy().build().expect("a client");
    let mut answer = client.get(url).header("X-API-Key", key).send().ok()?;
    let mut body = String::new();
    answer.read_to_string(&mut body).ok()?;
    Some((answer.status().as_u16(), body))
}

#[test]
fn everything_in_the_demo_answers_and_an_interrupt_ends_it_all() {
    let mut demo = Demo::start(&mut Command::new(program()));
    demo.runs();
    for (name, path) in [
        ("server 1", "/readyz"),
        ("server 2", "/readyz"),
        ("gateway", "/public/status"),
        ("upstream", "/"),
        ("Prometheus", "/-/ready"),
    ] {
        for url in demo.line(name).split(' ').filter(|word| word.starts_with("http://")) {
            let url = format!("{}{path}", url.trim_end_matches(','));
            let ask = || get(&url, "").filter(|(status, _)| *status == 200);
            wait::until(&url, LIMIT, ask);
        }
    }
    let line = demo.line("curl -i");
    let [_, header, url] = line.split('\'').collect::<Vec<_>>()[..] else { panic!("{line}") };
    let key = header.rsplit(' ').next().unwrap_or_default();
    let ask = || get(url.trim(), key).filter(|(status, _)| *status == 200);
    let (_, body) = wait::until("the key is let in", LIMIT, ask);
    assert!(body.contains("x-capy-organization-id: org_"), "{body}");
    // As a terminal sends it: to all that it has started.
    kill_process_group(Pid::from_child(&demo.child), Signal::INT).expect("it runs");
    demo.leaves_nothing();
    assert!(demo.output.to_end(LIMIT).ends_with("stopped"), "{}", demo.output.text());
    assert!(demo.child.wait().expect("its state").success());
}

#[test]
fn nothing_of_the_demo_is_left_when_its_terminal_is_closed() {
    // Whoever runs the tests by nohup has it ignored by everything that they start.
    let command = format!("exec env --default-signal=HUP {}", program().display());
    let terminal = ["--quiet", "--flush", "--command", &command, "/dev/null"];
    let mut demo = Demo::start(Command::new("script").args(terminal).env("SHELL", "/bin/sh"));
    demo.runs();
    assert!(demo.output.text().contains("\x1b["), "it is shown as elsewhere");
    kill_process(Pid::from_child(&demo.child), Signal::KILL).expect("it runs");
    demo.leaves_nothing();
}
