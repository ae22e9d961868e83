//! What was acknowledged to the clients.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use capykeys_tests::{
    Created,
    driver::{Source, locked},
    verification::question,
};

/// Of so many keys of each kind each server is asked all the time.
const WINDOW: usize = 60;
/// For how long those who ask for every second warm key would keep a verdict.
const KEEP: Duration = Duration::from_millis(300);

/// A key that was created, and acknowledged.
#[derive(Clone)]
pub(crate) struct Known {
    /// Whose it is.
    pub(crate) client: usize,
    pub(crate) id: String,
    pub(crate) plaintext: String,
    question: Arc<[u8]>,
    /// When its first DELETE was about to be sent.
    pub(crate) asked: Option<Instant>,
    /// When one was answered.
    pub(crate) answered: Option<Instant>,
}

/// All of them, by their numbers.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) keys: Vec<Known>,
    /// Those that servers are asked for before they are revoked, the newest last.
    warm: VecDeque<usize>,
    /// The newest that were revoked.
    revoked: VecDeque<usize>,
    /// What each server is to be asked next.
    urgent: Vec<VecDeque<usize>>,
}

pub(crate) type Shared = Arc<Mutex<Ledger>>;

impl Ledger {
    /// Nothing is known yet; so many servers will be asked.
    pub(crate) fn new(servers: usize) -> Shared {
        Arc::new(Mutex::new(Self { urgent: vec![VecDeque::new(); servers], ..Self::default() }))
    }

    /// Notes a key; its number. Of every second one nobody hears before it is revoked.
    pub(crate) fn created(&mut self, client: usize, created: &Created) -> usize {
        let number = self.keys.len();
        let keep = if number.is_multiple_of(4) { KEEP } else { Duration::ZERO };
        let plaintext = created.plaintext.clone();
        let question = question(&plaintext, keep).into();
        let id = created.id().to_owned();
        self.keys.push(Known { client, id, plaintext, question, asked: None, answered: None });
        if number.is_multiple_of(2) {
            push(&mut self.warm, number);
        }
        number
    }

    /// Notes that its DELETE is sent now.
    pub(crate) fn revoking(&mut self, key: usize) {
        self.keys[key].asked.get_or_insert_with(Instant::now);
    }

    /// Notes that it was answered now. All servers are asked for the key at once.
    pub(crate) fn revoked(&mut self, key: usize) {
        self.keys[key].answered = Some(Instant::now());
        self.warm.retain(|&other| other != key);
        push(&mut self.revoked, key);
        self.urgent.iter_mut().for_each(|urgent| urgent.push_back(key));
    }
}

fn push(window: &mut VecDeque<usize>, key: usize) {
    window.push_back(key);
    if window.len() > WINDOW {
        window.pop_front();
    }
}

/// Asks one server for all of that, at a fixed rate: a third are keys that were revoked.
pub(crate) struct Asking {
    pub(crate) ledger: Shared,
    pub(crate) server: usize,
    pub(crate) rate: usize,
    pub(crate) count: usize,
}

impl Source for Asking {
    fn rate(&self) -> usize {
        self.rate
    }

    fn next(&mut self) -> Option<(usize, Arc<[u8]>)> {
        let mut ledger = locked(&self.ledger);
        let urgent = ledger.urgent[self.server].pop_front();
        self.count += 1;
        let window = if self.count.is_multiple_of(3) { &ledger.revoked } else { &ledger.warm };
        let key = urgent.or_else(|| window.get(self.count / 3 % window.len().max(1)).copied())?;
        Some((key, Arc::clone(&ledger.keys[key].question)))
    }

    fn end(&mut self) {
        self.rate = 0;
    }
}
