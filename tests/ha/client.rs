//! Somebody who creates keys and revokes them, and knows what was acknowledged.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use capykeys_tests::{Created, Server, driver::locked, tenant::keys_in};
use reqwest::blocking::{Client as Http, RequestBuilder, Response};
use serde_json::Value;

use crate::ledger::Shared;

/// Between an answer and the next request.
const PACE: Duration = Duration::from_millis(100);
/// So many of its keys a client leaves alone, so that they have been used for a while when they are revoked.
const SPARED: usize = 12;
/// So long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(15);
const BODY: &str = r#"{"name": "key", "scopes": ["jobs:read"]}"#;

/// An organization, and who may do everything there.
#[derive(Clone)]
pub(crate) struct Account {
    pub(crate) path: String,
    pub(crate) admin: String,
}

impl Account {
    /// All of its keys, as a server lists them.
    pub(crate) fn listing(&self, server: &Server) -> Vec<Value> {
        keys_in(&server.get(&self.path).bearer(&self.admin).send())
    }
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Acknowledged,
    /// 503, or none at all.
    Failed,
    /// A key that was created, and acknowledged, is not there: 404.
    Lost,
    /// The credential, which is good, was refused.
    Refused,
    /// Nothing that may be.
    Nonsense(u16),
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) server: usize,
    pub(crate) sent: Instant,
    pub(crate) came: Instant,
    pub(crate) outcome: Outcome,
}

pub(crate) struct Client {
    /// Its number, which is that of the server that it creates its keys at.
    pub(crate) number: usize,
    /// Where each server listens.
    pub(crate) servers: Vec<SocketAddr>,
    pub(crate) account: Account,
    pub(crate) ledger: Shared,
    pub(crate) attempts: Arc<Mutex<Vec<Attempt>>>,
    pub(crate) ended: Arc<AtomicBool>,
}

impl Client {
    /// Goes on until it is told to end.
    pub(crate) fn run(self) {
        let http = Http::builder().no_proxy().timeout(PATIENCE).build().expect("a client");
        let (mut keys, mut tries) = (VecDeque::new(), 0);
        for turn in 0_usize.. {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            if turn.is_multiple_of(2) || keys.len() <= SPARED {
                keys.extend(self.create(&http));
            } else if self.revoke(&http, keys[0], self.number + tries) {
                (_, tries) = (keys.pop_front(), 0);
            } else {
                // The next server may know better, also what the last one has done.
                tries += 1;
            }
            thread::sleep(PACE);
        }
    }

    fn create(&self, http: &Http) -> Option<usize> {
        let request = http.post(self.url(self.number, ""));
        let response =
            self.send(self.number, request.header("content-type", "application/json").body(BODY), 201)?;
        let created = Created::from_body(&serde_json::from_slice(&response).expect("JSON"));
        Some(locked(&self.ledger).created(self.number, &created))
    }

    fn revoke(&self, http: &Http, key: usize, server: usize) -> bool {
        let server = server % self.servers.len();
        let id = {
            let mut ledger = locked(&self.ledger);
            ledger.revoking(key);
            ledger.keys[key].id.clone()
        };
        let done = self.send(server, http.delete(self.url(server, &format!("/{id}"))), 200).is_some();
        if done {
            locked(&self.ledger).revoked(key);
        }
        done
    }

    fn url(&self, server: usize, rest: &str) -> String {
        format!("http://{}{}{rest}", self.servers[server], self.account.path)
    }

    /// Sends a request and notes what comes of it; the body where it is acknowledged.
    fn send(&self, server: usize, request: RequestBuilder, expected: u16) -> Option<Vec<u8>> {
        let sent = Instant::now();
        let answer = request.bearer_auth(&self.account.admin).send().and_then(with_body);
        let came = Instant::now();
        let (outcome, body) = match answer {
            Ok((status, body)) if status == expected => (Outcome::Acknowledged, Some(body)),
            Err(_) | Ok((503, _)) => (Outcome::Failed, None),
            Ok((404, _)) => (Outcome::Lost, None),
            Ok((401 | 403, _)) => (Outcome::Refused, None),
            Ok((status, _)) => (Outcome::Nonsense(status), None),
        };
        locked(&self.attempts).push(Attempt { server, sent, came, outcome });
        body
    }
}

fn with_body(response: Response) -> reqwest::Result<(u16, Vec<u8>)> {
    Ok((response.status().as_u16(), response.bytes()?.to_vec()))
}
