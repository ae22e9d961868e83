//! A guarded server: a program that uses one of the libraries.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::Duration,
};

use capykeys_tests::{settings, wait};
use reqwest::{
    blocking::{Client, Response},
    header::HeaderValue,
};
use serde_json::Value;
use tokio::runtime;
use tonic::{Code, metadata::MetadataMap, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::planted;

/// So long an answer is waited for, on a machine that is busy.
const PATIENCE: Duration = Duration::from_mins(1);

/// The token that each sends along, which a listener on loopback does not look at.
pub(crate) const TOKEN: &str = "a-token-of-the-cluster";

/// How the library is set up.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) max_age: Duration,
    pub(crate) timeout: Duration,
    pub(crate) capacity: usize,
}

impl Default for Settings {
    /// With a time limit that a busy machine does not reach.
    fn default() -> Self {
        Self { max_age: Duration::from_mins(1), timeout: Duration::from_secs(20), capacity: 10_000 }
    }
}

/// The server, which ends when this is dropped.
pub(crate) struct Guarded {
    name: &'static str,
    child: Child,
    address: SocketAddr,
    /// Where it tells its own state.
    beside: SocketAddr,
    client: Client,
}

/// What it answers.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) challenge: Option<String>,
    pub(crate) retry_after: Option<String>,
}

impl Answer {
    /// Fails unless it is the refusal of one who gave a credential that is not good.
    #[track_caller]
    pub(crate) fn expect_unauthorized(&self) {
        assert_eq!(self.status, 401, "{self:?}");
        assert_eq!(self.challenge.as_deref(), Some(r#"Bearer error="invalid_token""#), "{self:?}");
        assert_eq!(self.body["error"], "A valid API key is required.");
    }

    /// Fails unless it says that there is no verdict.
    #[track_caller]
    pub(crate) fn expect_unavailable(&self, when: &str) {
        assert_eq!((self.status, self.retry_after.as_deref()), (503, Some("1")), "{when}: {self:?}");
        assert_eq!(self.body["error"], "API keys cannot be verified right now.", "{when}");
    }
}

/// What starts this server, of which `scripts/verifiers` prints a line.
pub(crate) fn command(name: &str) -> Command {
    let mut command = Command::new("sh");
    let line = planted::command_line(settings::guarded_server(name));
    command.args(["-c", &format!("exec {line}")]).stdout(Stdio::piped());
    for proxy in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(proxy);
    }
    command
}

impl Guarded {
    /// Starts it in front of the service there.
    pub(crate) fn start(name: &'static str, service: SocketAddr, settings: Settings) -> Self {
        Self::start_as(name, command(name), service, settings)
    }

    /// The same by a command line that was changed.
    pub(crate) fn start_as(
        name: &'static str,
        mut command: Command,
        service: SocketAddr,
        settings: Settings,
    ) -> Self {
        let mut child = command
            .env("CAPYKEYS_URL", format!("http://{service}"))
            .env("CAPYKEYS_TOKEN", TOKEN)
            .env("MAX_AGE_MS", settings.max_age.as_millis().to_string())
            .env("TIMEOUT_MS", settings.timeout.as_millis().to_string())
            .env("CAPACITY", settings.capacity.to_string())
            // It ends when this does.
            .stdin(Stdio::piped())
            .spawn()
            .expect("a shell");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let addresses = lines.map_while(Result::ok).find_map(|line| {
            let addresses = line.strip_prefix("listening ")?.split(' ');
            Some(addresses.map(|address| address.parse().expect("an address")).collect::<Vec<_>>())
        });
        let Some((&[address, ..], &[.., beside])) = addresses.as_deref().map(|all| (all, all)) else {
            let _ = child.kill();
            panic!("{name} does not listen: {:?}", child.wait());
        };
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        Self { name, child, address, beside, client }
    }

    /// Asks for jobs with this key.
    pub(crate) fn ask(&self, key: &str) -> Answer {
        self.ask_with("/jobs", &[("authorization", &format!("Bearer {key}"))])
    }

    /// The same, until there is a verdict: a replica on a machine that is busy may have none for a moment.
    pub(crate) fn verdict(&self, key: &str) -> Answer {
        self.verdict_with("/jobs", &[("authorization", &format!("Bearer {key}"))])
    }

    /// The same of `path`, with these headers.
    pub(crate) fn verdict_with(&self, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        let known = || Some(self.ask_with(path, headers)).filter(|answer| answer.status != 503);
        wait::until("there is a verdict", PATIENCE, known)
    }

    /// Asks for `path` with these headers.
    pub(crate) fn ask_with(&self, path: &str, headers: &[(&'static str, &str)]) -> Answer {
        if self.speaks_grpc() {
            return self.check(headers);
        }
        let mut request = self.client.get(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a header"));
        }
        let answer = request.send().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let header = |name| answer.headers().get(name).map(|value| value.to_str().expect("ASCII").to_owned());
        Answer {
            status: answer.status().as_u16(),
            challenge: header("www-authenticate"),
            retry_after: header("retry-after"),
            body: json(answer),
        }
    }

    /// Whether it is no HTTP API: it has one method and no paths.
    pub(crate) fn speaks_grpc(&self) -> bool {
        self.name == "tonic"
    }

    /// How many verdicts it keeps.
    pub(crate) fn kept(&self) -> u64 {
        self.state()["kept"].as_u64().expect("a count")
    }

    /// What its clock says, in seconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.state()["now"].as_i64().expect("a time")
    }

    fn state(&self) -> Value {
        json(self.client.get(format!("http://{}/state", self.beside)).send().expect("its state"))
    }

    fn check(&self, headers: &[(&'static str, &str)]) -> Answer {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let mut request = tonic::Request::new(HealthCheckRequest::default());
        for (name, value) in headers {
            request.metadata_mut().append(*name, value.parse().expect("ASCII"));
        }
        let endpoint = Endpoint::new(format!("http://{}", self.address)).expect("an address");
        let answer = runtime.block_on(async {
            let channel = endpoint.connect().await.expect("it listens");
            HealthClient::new(channel).check(request).await
        });
        let (status, metadata, body) = match answer {
            Ok(answer) => (200, answer.metadata().clone(), text(answer.metadata(), "x-answer")),
            Err(status) => {
                let body = serde_json::json!({ "error": status.message() }).to_string();
                (http_status(status.code()), status.metadata().clone(), Some(body))
            }
        };
        Answer {
            status,
            challenge: text(&metadata, "www-authenticate"),
            retry_after: text(&metadata, "retry-after"),
            body: serde_json::from_str(&body.unwrap_or_default()).unwrap_or_default(),
        }
    }
}

fn text(metadata: &MetadataMap, name: &str) -> Option<String> {
    metadata.get(name).map(|value| value.to_str().expect("ASCII").to_owned())
}

fn json(answer: Response) -> Value {
    let text = answer.text().unwrap_or_default();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// The status of HTTP for which it stands.
fn http_status(code: Code) -> u16 {
    match code {
        Code::InvalidArgument => 400,
        Code::Unauthenticated => 401,
        Code::PermissionDenied => 403,
        Code::Unavailable => 503,
        _ => 500,
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
