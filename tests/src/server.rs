//! A running server.

use std::{
    net::{SocketAddr, TcpListener},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Answer, Call, Installation, transcript::Transcript, wait};

const START_LIMIT: Duration = Duration::from_secs(20);

/// A process `capykeys serve`, killed when dropped.
pub struct Server {
    installation: Arc<Installation>,
    child: Mutex<Child>,
    address: SocketAddr,
    /// What it has written to standard output.
    pub stdout: Transcript,
    /// Its log.
    pub log: Transcript,
}

impl Server {
    /// Starts the installation's server and waits until it listens.
    ///
    /// # Panics
    /// Where it does not.
    pub fn start(installation: &Arc<Installation>) -> Self {
        let mut child = installation
            .command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = Transcript::of(child.stdout.take().expect("a pipe"));
        let log = Transcript::of(child.stderr.take().expect("a pipe"));
        let Some(address) = log.wait_for(START_LIMIT, |line| address_after("listening", line)) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server does not listen: {}", log.text());
        };
        Self { installation: Arc::clone(installation), child: Mutex::new(child), address, stdout, log }
    }

    /// Whose server it is.
    pub fn installation(&self) -> &Arc<Installation> {
        &self.installation
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for the cluster alone, if it does.
    ///
    /// # Panics
    /// Where it does not say so.
    pub fn internal_address(&self) -> SocketAddr {
        self.log
            .wait_for(START_LIMIT, |line| address_after("listening for the cluster", line))
            .expect("it says where it listens for the cluster")
    }

    /// Where it listens for gRPC.
    ///
    /// # Panics
    /// Where it does not say so.
    pub fn grpc_address(&self) -> SocketAddr {
        self.log
            .wait_for(START_LIMIT, |line| address_after("listening for gRPC", line))
            .expect("it says where it listens for gRPC")
    }

    /// A request to it.
    pub fn call(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(self, method, path)
    }

    /// A request to its listener for the cluster.
    pub fn call_internal(&self, method: Method, path: &str) -> Call<'_> {
        Call::new(self, method, path).to(self.internal_address())
    }

    /// Its verdict on a key: the body of the answer.
    ///
    /// # Panics
    /// Where there is none.
    #[track_caller]
    pub fn verify(&self, question: &Value) -> Value {
        self.call_internal(Method::POST, "/v1/api-keys/verify").json(question).send().expect(200)
    }

    /// Its answer to a gateway that asks, with this query, whether a `GET` of `target` may pass.
    pub fn authorize(&self, target: &str, query: &str, credential: &str) -> Answer {
        self.call_internal(Method::GET, &format!("/authorize/forward-auth{query}"))
            .header("x-forwarded-method", "GET")
            .header("x-forwarded-uri", target)
            .bearer(credential)
            .send()
    }

    /// The value of a series of its metrics, as Prometheus reads it, if it is there.
    ///
    /// # Panics
    /// Where the metrics cannot be read.
    pub fn metric(&self, series: &str) -> Option<f64> {
        let shown =
            String::from_utf8(self.call_internal(Method::GET, "/metrics").send().body).expect("a text");
        shown.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
    }

    /// A `GET`.
    pub fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// A `POST`.
    pub fn post(&self, path: &str) -> Call<'_> {
        self.call(Method::POST, path)
    }

    /// A `DELETE`.
    pub fn delete(&self, path: &str) -> Call<'_> {
        self.call(Method::DELETE, path)
    }

    /// Waits until its log has this.
    ///
    /// # Panics
    /// Where it has not in time.
    #[track_caller]
    pub fn says(&self, limit: Duration, words: &str) {
        let said = self.log.wait_for(limit, |line| line.contains(words).then_some(()));
        assert!(said.is_some(), "{words}: {}", self.log.text());
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child().id()
    }

    /// Sends a signal to the process.
    pub fn signal(&self, signal: Signal) {
        kill_process(pid_of(&self.child()), signal).expect("the process is there");
    }

    /// Ends the process as a power failure would.
    pub fn kill(&self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits until the process has ended by itself.
    pub fn wait_for_exit(&self, limit: Duration) -> ExitStatus {
        wait::until("the server ends", limit, || self.child().try_wait().ok().flatten())
    }

    /// Fails where a secret stands in the log.
    #[track_caller]
    pub fn assert_no_leak(&self) {
        if let Some(leak) = self.log.leak() {
            panic!("the log tells a secret: {leak}");
        }
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        if !thread::panicking() {
            self.log.to_end(Duration::from_secs(2));
            self.assert_no_leak();
        }
    }
}

/// Ends a process together with the test process, for servers in statics, which are never dropped.
pub struct Leash {
    /// It reads from a pipe whose other end closes with the test process.
    _shell: Child,
}

impl Leash {
    /// Ends `server` and removes its folder when this process has ended, whatever ended it.
    pub fn on(server: &Server) -> Self {
        Self::hold(&server.pid().to_string(), server.installation.directory())
    }

    /// Does the same to a process that leads a group of its own, and to the whole group.
    pub fn on_group(leader: u32, directory: &Path) -> Self {
        Self::hold(&format!("-{leader}"), directory)
    }

    fn hold(target: &str, directory: &Path) -> Self {
        let shell = Command::new("sh")
            .process_group(0)
            .args(["-c", "read -r _; kill -s KILL -- \"$0\"; rm -rf \"$1\""])
            .arg(target)
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        Self { _shell: shell }
    }
}

/// An address of this machine that nobody listens at.
///
/// # Panics
/// Where there is none.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

fn pid_of(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn address_after(message: &str, line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields").unwrap_or(&line);
    if fields.get("message")?.as_str()? != message {
        return None;
    }
    fields.get("address")?.as_str()?.parse().ok()
}
