//! Were the promises kept?

use std::collections::HashMap;

use capykeys_tests::{Server, driver::Sample, verification::Verdict};
use serde_json::Value;

use crate::{
    client::{Account, Attempt, Outcome},
    ledger::Known,
    work::Done,
};

/// So many violations of a round are told in full.
const TOLD: usize = 10;

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) asked: usize,
    pub(crate) asked_after_delete: usize,
    /// Accepted though asked after DELETE had answered.
    pub(crate) accepted_after_delete: usize,
    /// Accepted before, with leave to rely on it until later than that.
    pub(crate) kept_after_delete: usize,
    /// A good key was refused.
    pub(crate) refused: usize,
    /// A key that was created is not there, or one that was revoked is good.
    pub(crate) lost: usize,
    /// 503.
    pub(crate) unavailable: usize,
    /// No answer.
    pub(crate) silent: usize,
    pub(crate) nonsense: usize,
    /// What was wrong, and where.
    pub(crate) told: Vec<String>,
}

impl Seen {
    /// Whether any promise was broken.
    pub(crate) const fn is_wrong(&self) -> bool {
        self.accepted_after_delete + self.kept_after_delete + self.refused + self.lost + self.nonsense > 0
    }

    /// All that was asked, and what a server lists when all is over.
    pub(crate) fn of(done: &Done, accounts: &[Account], server: &Server) -> Self {
        let mut seen = Self::until_then(done);
        seen.judge_listings(&done.keys, accounts, server);
        seen
    }

    /// All that was asked alone.
    pub(crate) fn until_then(done: &Done) -> Self {
        let mut seen = Self::default();
        for (number, samples) in done.samples.iter().enumerate() {
            seen.judge(&done.keys, number, samples);
        }
        seen.judge_attempts(&done.attempts);
        seen
    }

    /// Judges what a server has said of keys.
    pub(crate) fn judge(&mut self, keys: &[Known], server: usize, samples: &[Sample]) {
        for sample in samples {
            self.asked += 1;
            let key = &keys[sample.key];
            let after_delete = key.answered.is_some_and(|answered| sample.sent > answered);
            self.asked_after_delete += usize::from(after_delete);
            let told = match &sample.verdict {
                None => {
                    self.silent += 1;
                    continue;
                }
                Some(Verdict::Unavailable) => {
                    self.unavailable += 1;
                    continue;
                }
                Some(Verdict::Refused(code)) => {
                    if key.asked.is_some_and(|asked| sample.came >= asked) {
                        continue;
                    }
                    self.refused += 1;
                    format!("a good key was refused as {code}")
                }
                Some(Verdict::Accepted { .. }) if after_delete => {
                    self.accepted_after_delete += 1;
                    let late = key.answered.map(|answered| sample.sent.duration_since(answered));
                    format!("accepted {late:?} after DELETE had answered")
                }
                Some(Verdict::Accepted { max_age }) => {
                    if key.answered.is_none_or(|answered| sample.sent + *max_age <= answered) {
                        continue;
                    }
                    self.kept_after_delete += 1;
                    format!("to be kept for {max_age:?}, until after DELETE had answered")
                }
                Some(Verdict::Nonsense(text)) => {
                    self.nonsense += 1;
                    text.clone()
                }
            };
            self.tell(format!("server {server}, {}: {told}", key.id));
        }
    }

    /// Judges what a client was told in one of its requests.
    pub(crate) fn judge_attempts(&mut self, attempts: &[Attempt]) {
        for attempt in attempts {
            match attempt.outcome {
                Outcome::Acknowledged | Outcome::Failed => continue,
                Outcome::Lost => self.lost += 1,
                Outcome::Refused => self.refused += 1,
                Outcome::Nonsense(_) => self.nonsense += 1,
            }
            self.tell(format!("server {}: {:?}", attempt.server, attempt.outcome));
        }
    }

    /// Judges what a server lists of all clients' keys.
    pub(crate) fn judge_listings(&mut self, keys: &[Known], accounts: &[Account], server: &Server) {
        for (client, account) in accounts.iter().enumerate() {
            self.judge_listing(keys.iter().filter(|key| key.client == client), &account.listing(server));
        }
    }

    fn judge_listing<'a>(&mut self, keys: impl Iterator<Item = &'a Known>, listing: &[Value]) {
        let active = |key: &Value| Some((key["id"].as_str()?.to_owned(), key["is_active"].as_bool()?));
        let listed: HashMap<_, _> = listing.iter().filter_map(active).collect();
        for key in keys {
            let told = match (listed.get(&key.id), key.asked, key.answered) {
                (None, ..) => "was created, and is not there",
                (Some(true), _, Some(_)) => "was revoked, and is good",
                (Some(false), None, _) => "was not revoked, and is not good",
                (Some(_), ..) => continue,
            };
            self.lost += 1;
            self.tell(format!("{} {told}", key.id));
        }
    }

    fn tell(&mut self, what: String) {
        if self.told.len() < TOLD {
            self.told.push(what);
        }
    }
}
