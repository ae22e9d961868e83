//! Three clients and a thousand verifications a second, and what came of all of it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use capykeys_tests::{
    Server,
    driver::{Driver, Sample, locked},
};

use crate::{
    client::{Account, Attempt, Client, Outcome},
    ledger::{Asking, Known, Ledger, Shared},
    outage::{Mark, Tolerance, marks_of, marks_of_writes},
};

/// Verifications a second, over all servers.
const RATE: usize = 1_000;
/// All is well where hardly anything has failed for so long.
const QUIET: Duration = Duration::from_secs(2);

/// A server under test, as clients see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Front {
    /// Where it listens.
    pub(crate) api: SocketAddr,
    /// Where it says what it thinks of keys.
    pub(crate) verifier: SocketAddr,
}

/// All that goes on at once.
pub(crate) struct Work {
    pub(crate) ledger: Shared,
    drivers: Vec<Driver<Asking>>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    ended: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

/// What was seen.
pub(crate) struct Done {
    pub(crate) keys: Vec<Known>,
    /// Of each server.
    pub(crate) samples: Vec<Vec<Sample>>,
    pub(crate) attempts: Vec<Attempt>,
}

impl Work {
    /// One client for each account, and one driver for each server.
    pub(crate) fn start(fronts: &[Front], accounts: &[Account]) -> Self {
        let ledger = Ledger::new(fronts.len());
        let driver = |(server, front): (usize, &Front)| {
            let source = Asking { ledger: Arc::clone(&ledger), server, rate: RATE / fronts.len(), count: 0 };
            Driver::of(source, Arc::new(Mutex::new(front.verifier)))
        };
        let drivers = fronts.iter().enumerate().map(driver).collect();
        let (attempts, ended) = (Arc::default(), Arc::default());
        let client = |(number, account): (usize, &Account)| {
            let client = Client {
                number,
                servers: fronts.iter().map(|front| front.api).collect(),
                account: account.clone(),
                ledger: Arc::clone(&ledger),
                attempts: Arc::clone(&attempts),
                ended: Arc::clone(&ended),
            };
            thread::spawn(move || client.run())
        };
        let clients = accounts.iter().enumerate().map(client).collect();
        Self { ledger, drivers, attempts, ended, clients }
    }

    /// Whether these servers have done for a while all that was asked of them, since then.
    pub(crate) fn is_well(&self, servers: &[usize], since: Instant) -> bool {
        let from = Instant::now().checked_sub(QUIET).expect("a machine that has run for a while");
        let well = |marks: &mut dyn Iterator<Item = Mark>, tolerance: Tolerance| {
            let recent: Vec<_> = marks.take_while(|mark| mark.came > from).collect();
            !recent.is_empty() && tolerance.takes(&recent)
        };
        let attempts = locked(&self.attempts);
        from > since
            && servers.iter().all(|&server| {
                let writes = attempts.iter().rev().filter(|attempt| attempt.server == server);
                well(&mut marks_of_writes(writes), Tolerance::Writes)
                    && self.drivers[server]
                        .look(|samples| well(&mut marks_of(samples.iter().rev()), Tolerance::Verdicts))
            })
    }

    /// How many keys each of these clients has revoked, at the least.
    pub(crate) fn revoked(&self, clients: &[usize]) -> usize {
        let ledger = locked(&self.ledger);
        let revoked = |client| move |key: &&Known| key.client == client && key.answered.is_some();
        let count = |client: &usize| ledger.keys.iter().filter(revoked(*client)).count();
        clients.iter().map(count).min().unwrap_or_default()
    }

    /// Ends all of it, and waits for what is under way.
    pub(crate) fn end(self) -> Done {
        self.ended.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("the client's thread");
        }
        let samples = self.drivers.iter().map(Driver::end).collect();
        let keys = std::mem::take(&mut locked(&self.ledger).keys);
        Done { keys, samples, attempts: std::mem::take(&mut locked(&self.attempts)) }
    }
}

impl Front {
    pub(crate) fn of(server: &Server) -> Self {
        Self { api: server.address(), verifier: server.internal_address() }
    }
}

impl Attempt {
    pub(crate) fn is_acknowledged(&self) -> bool {
        self.outcome == Outcome::Acknowledged
    }
}
