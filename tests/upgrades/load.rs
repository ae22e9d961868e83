//! Clients that keep their connections, and note whatever goes wrong.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use capykeys_tests::{Tenant, wait};
use reqwest::blocking::{Client, RequestBuilder};
use serde_json::{Value, json};

use crate::stand::Stand;

const LIMIT: Duration = Duration::from_mins(2);
/// How many create, list and delete keys.
const CLIENTS: usize = 4;
/// How many rounds each of them goes between two steps.
const ROUNDS: u64 = 5;

#[derive(Default)]
struct Shared {
    ended: AtomicBool,
    rounds: [AtomicU64; CLIENTS],
    /// Through the balancers.
    requests: AtomicU64,
    /// Answers of a server that was asked by itself for a key whose DELETE was answered.
    refusals: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// What became of it all.
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) refusals: u64,
    pub(crate) failures: Vec<String>,
}

pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Begins. Each client has an organization of its own.
    pub(crate) fn start(stand: &Stand) -> Self {
        let shared = Arc::new(Shared::default());
        let [api, internal] = stand.addresses();
        let clients = (0..CLIENTS).map(|number| {
            let acme = Tenant::new(&stand.servers[0]);
            let caller = Caller {
                http: Client::builder()
                    .no_proxy()
                    .timeout(Duration::from_secs(20))
                    .build()
                    .expect("a client"),
                keys: format!("http://{api}{}", acme.keys_path()),
                admin: acme.admin,
                internal,
                verifiers: stand.verifiers(),
                shared: Arc::clone(&shared),
            };
            thread::spawn(move || caller.run(number))
        });
        let clients = clients.collect();
        Self { shared, clients }
    }

    /// Waits until every client has gone on for some rounds, whatever they came to.
    pub(crate) fn go_on(&self) {
        let now = || self.shared.rounds.each_ref().map(|rounds| rounds.load(Ordering::SeqCst));
        let before = now();
        wait::until("every client goes on", LIMIT, || {
            now().iter().zip(before).all(|(now, before)| *now >= before + ROUNDS).then_some(())
        });
    }

    pub(crate) fn end(self) -> Report {
        self.shared.ended.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("the client's thread");
        }
        let failures =
            std::mem::take(&mut *self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner));
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Report { requests: count(&self.shared.requests), refusals: count(&self.shared.refusals), failures }
    }
}

struct Caller {
    http: Client,
    /// The keys of its organization.
    keys: String,
    admin: String,
    internal: SocketAddr,
    verifiers: [SocketAddr; 2],
    shared: Arc<Shared>,
}

impl Caller {
    fn run(&self, number: usize) {
        while !self.shared.ended.load(Ordering::SeqCst) {
            if let Err(failure) = self.round() {
                self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
            }
            self.shared.rounds[number].fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The life of a key.
    fn round(&self) -> Result<(), String> {
        let body = json!({"name": "key", "scopes": ["jobs:read"]}).to_string();
        let creation = self.http.post(&self.keys).header("content-type", "application/json").body(body);
        let created = self.send("create", creation.bearer_auth(&self.admin), 201)?;
        let id = created["api_key"]["id"].as_str().ok_or("create: no id")?;
        let plaintext = created["plaintext_api_key"].as_str().ok_or("create: no key")?;
        let verify = || self.send("verify", self.verification(self.internal, plaintext), 200);
        // More than once, so that it is remembered.
        for _ in 0..4 {
            expect("a key is good", &verify()?["valid"], true)?;
        }
        for verdict in self.verdicts(plaintext) {
            expect("a key is good everywhere", &verdict, true)?;
        }
        let listing = self.http.get(format!("{}?limit=20", self.keys)).bearer_auth(&self.admin);
        let listed = self.send("list", listing, 200)?;
        let is_listed =
            listed["api_keys"].as_array().is_some_and(|keys| keys.iter().any(|key| key["id"] == id));
        expect("a key is listed", &is_listed.into(), true)?;
        let deletion = self.http.delete(format!("{}/{id}", self.keys)).bearer_auth(&self.admin);
        self.send("delete", deletion, 200)?;
        for verdict in self.verdicts(plaintext) {
            expect("a key is good after DELETE", &verdict, false)?;
            self.shared.refusals.fetch_add(1, Ordering::SeqCst);
        }
        expect("a key is good after DELETE", &verify()?["valid"], false)
    }

    fn verification(&self, verifier: SocketAddr, plaintext: &str) -> RequestBuilder {
        let question = json!({"api_key": plaintext}).to_string();
        let request = self.http.post(format!("http://{verifier}/v1/api-keys/verify"));
        request.header("content-type", "application/json").body(question)
    }

    /// What each server thinks of it by itself, where it is there.
    fn verdicts(&self, plaintext: &str) -> Vec<Value> {
        let ask = |&verifier| {
            let answer = self.verification(verifier, plaintext).send().ok()?;
            let verdict: Value = serde_json::from_slice(&answer.bytes().ok()?).ok()?;
            verdict.get("valid").cloned()
        };
        self.verifiers.iter().filter_map(ask).collect()
    }

    /// The body of the answer, where it has this status.
    fn send(&self, what: &str, request: RequestBuilder, status: u16) -> Result<Value, String> {
        self.shared.requests.fetch_add(1, Ordering::SeqCst);
        let answer = request.send().map_err(|error| format!("{what}: {error:?}"))?;
        let got = answer.status();
        let body = answer.bytes().map_err(|error| format!("{what}: {error:?}"))?;
        let body =
            serde_json::from_slice::<Value>(&body).map_err(|_| format!("{what}: {got} without JSON"))?;
        if got == status { Ok(body) } else { Err(format!("{what}: {got} {}", body["error"])) }
    }
}

fn expect(what: &str, verdict: &Value, expected: bool) -> Result<(), String> {
    if *verdict == expected { Ok(()) } else { Err(format!("{what}: {verdict}")) }
}
