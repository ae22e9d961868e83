//! The demo's clients: they verify keys at both servers, go through the gateway, and create and revoke keys all
//! the time.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use capykeys_tests::secrets;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{metrics::Metrics, stage::Stage};

/// How many ask each server, and how many the gateway.
const CLIENTS: usize = 4;
/// Between two questions of each of them.
const PAUSE: Duration = Duration::from_millis(10);
/// Between two revocations.
const LIFE: Duration = Duration::from_millis(250);
/// How many keys there are before the oldest is revoked.
const KEYS: usize = 20;

pub(crate) struct Load {
    http: Client,
    /// Where keys are verified, and where metrics are.
    internal: [String; 2],
    gateway: String,
    keys_url: String,
    admin: String,
    visitor: String,
    seen: Mutex<Seen>,
}

#[derive(Clone, Default)]
struct Seen {
    live: VecDeque<Key>,
    revoked: Option<Key>,
    report: Report,
}

#[derive(Clone)]
struct Key {
    id: String,
    plaintext: String,
}

/// What has happened so far.
#[derive(Clone, Default)]
pub(crate) struct Report {
    pub(crate) servers: [Metrics; 2],
    /// The gateway's answers, by status.
    pub(crate) gateway: BTreeMap<u16, u64>,
    /// How long it took until both servers refused a key, from the DELETE on.
    pub(crate) revocations: Vec<Duration>,
    /// How often one of them took a key when its DELETE had been answered.
    pub(crate) late: u64,
    /// What was not answered, or otherwise than it ought to be.
    pub(crate) failures: u64,
}

impl Load {
    pub(crate) fn new(stage: &Stage) -> Self {
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(5)).build().expect("a client");
        Self {
            http,
            internal: stage.servers.each_ref().map(|server| format!("http://{}", server.internal_address())),
            gateway: format!("http://{}", stage.gateway),
            keys_url: format!("http://{}{}", stage.servers[0].address(), stage.keys_path),
            admin: stage.admin.clone(),
            visitor: stage.visitor.clone(),
            seen: Mutex::default(),
        }
    }

    /// Starts all clients. They end with the set.
    pub(crate) fn spawn(self: Arc<Self>, clients: &mut JoinSet<()>) {
        for number in 0..CLIENTS {
            for server in 0..2 {
                clients.spawn(Arc::clone(&self).ask_server(server, number));
            }
            clients.spawn(Arc::clone(&self).ask_gateway(number));
        }
        clients.spawn(self.revoke());
    }

    /// What has happened so far, with what the servers say now.
    pub(crate) async fn report(&self) -> Report {
        let metrics = self.internal.each_ref().map(|server| self.http.get(format!("{server}/metrics")));
        let [one, two] = metrics.map(|request| async { request.send().await?.text().await });
        let (one, two) = tokio::join!(one, two);
        let servers = [one, two].map(|text| Metrics::parse(&text.unwrap_or_default()));
        Report { servers, ..self.seen().report.clone() }
    }

    pub(crate) fn is_promise_broken(&self) -> bool {
        self.seen().report.late > 0
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<T>(&self, outcome: Option<T>) -> Option<T> {
        if outcome.is_none() {
            self.seen().report.failures += 1;
        }
        outcome
    }

    async fn ask_server(self: Arc<Self>, server: usize, first: usize) {
        let mut ticks = ticks(PAUSE);
        for number in first.. {
            ticks.tick().await;
            let (key, scope) = self.question(number);
            self.note(self.verdict(server, &key, scope).await);
        }
    }

    /// Mostly a good key.
    fn question(&self, number: usize) -> (String, &'static str) {
        let seen = self.seen();
        let live = seen.live.get(number % KEYS).map_or(&self.visitor, |key| &key.plaintext);
        let revoked = seen.revoked.as_ref().map_or(&self.visitor, |key| &key.plaintext);
        match number % 20 {
            0 | 10 => (revoked.clone(), "jobs:read"),
            5 => (secrets::unknown_key().to_owned(), "jobs:read"),
            15 => (live.clone(), "backups:read"),
            _ => (live.clone(), "jobs:read"),
        }
    }

    /// Whether a server takes a key; none where it says neither.
    async fn verdict(&self, server: usize, key: &str, scope: &str) -> Option<bool> {
        let question = json!({"api_key": key, "scopes": [scope]});
        let request = self.http.post(format!("{}/v1/api-keys/verify", self.internal[server]));
        answer(with_json(request, &question)).await?["valid"].as_bool()
    }

    async fn ask_gateway(self: Arc<Self>, first: usize) {
        let mut ticks = ticks(PAUSE);
        for number in first.. {
            ticks.tick().await;
            let path = if number % 20 == 0 { "backups" } else { "jobs" };
            let request = self.http.get(format!("{}/v1/projects/p_1/{path}/7", self.gateway));
            let request =
                if number % 20 == 10 { request } else { request.header("X-API-Key", &self.visitor) };
            let status = request.send().await.ok().map(|answer| answer.status().as_u16());
            if let Some(status) = self.note(status) {
                *self.seen().report.gateway.entry(status).or_default() += 1;
            }
        }
    }

    /// Creates keys, and revokes the oldest.
    async fn revoke(self: Arc<Self>) {
        let mut ticks = ticks(LIFE);
        loop {
            let Some(key) = self.note(self.create().await) else { continue };
            let oldest = {
                let live = &mut self.seen().live;
                live.push_back(key);
                if live.len() > KEYS { live.pop_front() } else { None }
            };
            if let Some(key) = oldest {
                ticks.tick().await;
                self.note(self.watch_revocation(&key).await);
                self.seen().revoked = Some(key);
            }
        }
    }

    async fn create(&self) -> Option<Key> {
        let request = self.http.post(&self.keys_url).bearer_auth(&self.admin);
        let body = answer(with_json(request, &json!({"name": "demo", "scopes": ["jobs:read"]}))).await?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Key { id: text(&body["api_key"]["id"])?, plaintext: text(&body["plaintext_api_key"])? })
    }

    /// Revokes a key at the first server while both are asked for it over and over.
    async fn watch_revocation(&self, key: &Key) -> Option<()> {
        let begun = Instant::now();
        let deletion = async {
            let request = self.http.delete(format!("{}/{}", self.keys_url, key.id));
            answer(request.bearer_auth(&self.admin)).await?;
            Some(Instant::now())
        };
        let refusals = [0, 1].map(|server| self.until_refused(server, &key.plaintext));
        let [one, two] = refusals;
        let (answered, one, two) = tokio::join!(deletion, one, two);
        let (answered, refusals) = (answered?, [one?, two?]);
        let report = &mut self.seen().report;
        let late = refusals.iter().filter(|refusal| refusal.accepted.is_some_and(|asked| asked > answered));
        report.late += late.count() as u64;
        let took = refusals.iter().map(|refusal| refusal.came - begun).max()?;
        report.revocations.push(took);
        Some(())
    }

    async fn until_refused(&self, server: usize, key: &str) -> Option<Refusal> {
        let mut accepted = None;
        loop {
            let asked = Instant::now();
            if !self.verdict(server, key, "jobs:read").await? {
                return Some(Refusal { accepted, came: Instant::now() });
            }
            accepted = Some(asked);
        }
    }
}

/// A server's first refusal of a key.
struct Refusal {
    /// When it was asked the last time that it took the key.
    accepted: Option<Instant>,
    came: Instant,
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("Content-Type", "application/json").body(body.to_string())
}

/// The body of an answer that is none of a failure.
async fn answer(request: RequestBuilder) -> Option<Value> {
    let answer = request.send().await.ok()?.error_for_status().ok()?;
    serde_json::from_slice(&answer.bytes().await.ok()?).ok()
}
