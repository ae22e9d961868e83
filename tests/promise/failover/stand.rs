//! Two replicas on a database that can change servers, both asked for all keys all the time.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use capykeys_tests::{
    Created, Installation, Server, secrets, verification::Verdict, verification::question, wait,
};
use serde_json::json;

use crate::{
    driver::{Driver, Sample, all_keys},
    postgres::Session,
    revoker::{Means, Revoker, bytes},
    scene::{Owned, start},
    settings,
};

const LIMIT: Duration = Duration::from_mins(1);
/// How often each replica is asked for each key in a second.
const RATE: u32 = 10;
/// How long half of those who ask would keep a verdict.
const KEEP: Duration = Duration::from_millis(300);

/// Revocations that were acknowledged, and are not there any more.
const LOST: &str = "SELECT count(*) FROM api_keys WHERE digest = ANY($1) AND revoked_at IS NULL";

struct Watched {
    key: Created,
    /// When its first DELETE was about to be sent.
    asked: Option<Instant>,
    /// When one was answered.
    answered: Option<Instant>,
}

pub(crate) struct Stand {
    replicas: Vec<Server>,
    drivers: Vec<Driver>,
    /// An operator's, whose commands have seen nothing of the database before.
    commands: Installation,
    tenant: Owned,
    keys: Vec<Watched>,
    revoked: usize,
}

/// What was seen.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    asked: usize,
    asked_after_delete: usize,
    /// Accepted though asked after DELETE had answered.
    pub(crate) accepted_after_delete: usize,
    /// A key that nobody revoked was refused.
    pub(crate) refused_alive: usize,
    /// Revocations that were acknowledged and that the database does not have.
    pub(crate) lost: i64,
    unavailable: usize,
    silent: usize,
    nonsense: Vec<Verdict>,
}

impl Stand {
    /// On the database at `direct`, which the replicas reach as these `urls`, and operators as the first.
    pub(crate) fn start(direct: &str, urls: [&str; 2]) -> Self {
        let replicas = urls.map(|url| start(direct, url, &[]));
        let replicas = Vec::from(replicas);
        let asked = |replica: &Server| Driver::start(Arc::new(Mutex::new(replica.internal_address())), RATE);
        let drivers = replicas.iter().map(asked).collect();
        let commands = Installation::on_postgres(direct).by_way_of(urls[0]);
        Self { replicas, drivers, commands, tenant: Owned::create(direct), keys: Vec::new(), revoked: 0 }
    }

    /// Creates so many keys, and asks for them from now on.
    pub(crate) fn create(&mut self, count: usize) {
        let body = json!({"name": "key", "scopes": ["jobs:read"]});
        let tenant = self.tenant.on(&self.replicas[0]);
        let create = || {
            let answer = tenant.creation(&tenant.admin, &body).send();
            (answer.status != 503).then(|| Created::from_body(&answer.expect(201)))
        };
        let new: Vec<_> = (0..count).map(|_| wait::until("a key is created", LIMIT, create)).collect();
        self.keys.extend(new.into_iter().map(|key| Watched { key, asked: None, answered: None }));
        let keep = [Duration::ZERO, KEEP].into_iter().cycle();
        for driver in &self.drivers {
            let keys = self.keys.iter().zip(keep.clone());
            driver.begin(keys.map(|(watched, keep)| question(&watched.key.plaintext, keep)));
        }
    }

    /// Revokes the oldest keys that are left, by each of the replicas in turn.
    pub(crate) fn revoke(&mut self, count: usize, database: &str) {
        for _ in 0..count {
            self.revoke_by(self.revoked % 2, database);
        }
    }

    /// Revokes the oldest key that is left, by this replica.
    pub(crate) fn revoke_by(&mut self, replica: usize, database: &str) {
        if let Some(watched) = self.keys.get_mut(self.revoked) {
            let replica = &self.replicas[replica];
            let revoker = Revoker {
                replica: Arc::new(Mutex::new(replica.address())),
                path: self.tenant.on(replica).keys_path(),
                admin: self.tenant.admin.clone(),
                database: database.to_owned(),
                means: Means::Delete,
            };
            watched.asked = Some(Instant::now());
            watched.answered = Some(revoker.delete_patiently(watched.key.id()).1);
            self.revoked += 1;
        }
    }

    /// Revokes one more as an operator does, trying again until that is acknowledged.
    pub(crate) fn revoke_as_operator(&mut self) {
        let id = self.tenant.on(&self.replicas[0]).id;
        let watched = &mut self.keys[self.revoked];
        watched.asked = Some(Instant::now());
        let arguments = ["keys", "revoke", "--organization", &id, watched.key.id()];
        wait::until("the key is revoked", LIMIT, || {
            (self.commands.run(&arguments).code == Some(0)).then_some(())
        });
        watched.answered = Some(Instant::now());
        self.revoked += 1;
    }

    /// One more replica, which reaches the database at `direct` as `url`, and is asked for all keys like the others.
    pub(crate) fn add(&mut self, direct: &str, url: &str) {
        // A migration would wait for a commit without end.
        let replica = start(direct, url, &[("POSTGRES__MIGRATE_AT_START", "false")]);
        let driver = Driver::start(Arc::new(Mutex::new(replica.internal_address())), RATE);
        driver.begin(self.keys.iter().map(|watched| question(&watched.key.plaintext, Duration::ZERO)));
        self.replicas.push(replica);
        self.drivers.push(driver);
    }

    /// Waits until this replica gives no verdict on any key, asked from now on.
    pub(crate) fn until_silent(&self, replica: usize) {
        let now = Instant::now();
        self.drivers[replica].wait("no verdict is given", LIMIT, |samples| {
            all_keys(self.keys.len(), samples, |sample| {
                sample.verdict == Some(Verdict::Unavailable) && sample.sent > now
            })
        });
    }

    /// Waits until each replica has said of each key what is right, asked from now on.
    pub(crate) fn settle(&self) {
        let now = Instant::now();
        let revoked: Vec<_> = self.keys.iter().map(|watched| watched.answered.is_some()).collect();
        for driver in &self.drivers {
            driver.wait("every key has its right verdict", LIMIT, |samples| {
                all_keys(self.keys.len(), samples, |sample| {
                    let right = if revoked[sample.key] { sample.is_refused() } else { sample.is_accepted() };
                    right && sample.sent > now
                })
            });
        }
    }

    /// Asks nothing any more, and says what was seen; `database` is the one that is left.
    pub(crate) fn conclude(&self, scenario: &str, database: &str) -> Tally {
        let samples: Vec<_> = self.drivers.iter().flat_map(Driver::end).collect();
        let mut tally = Tally { lost: self.lost(database), asked: samples.len(), ..Tally::default() };
        for sample in &samples {
            tally.add(&self.keys[sample.key], sample);
        }
        println!(
            "failover: | {scenario} | {} | {} | {} | {} | {} | {} | {} | {} |",
            self.revoked,
            tally.asked,
            tally.asked_after_delete,
            tally.accepted_after_delete,
            tally.refused_alive,
            tally.lost,
            tally.unavailable,
            tally.silent,
        );
        assert!(tally.nonsense.is_empty(), "{scenario}: {:?}", tally.nonsense);
        assert!(tally.asked_after_delete > 0, "{scenario}: nothing was asked after DELETE had answered");
        tally
    }

    fn lost(&self, database: &str) -> i64 {
        let acknowledged = self.keys.iter().filter(|watched| watched.answered.is_some());
        let digests: Vec<_> =
            acknowledged.map(|watched| bytes(&secrets::digest(&watched.key.plaintext))).collect();
        Session::open_patiently(database, LIMIT).row(LOST, &[&digests]).get(0)
    }
}

impl Tally {
    fn add(&mut self, watched: &Watched, sample: &Sample) {
        let after_delete = watched.answered.is_some_and(|answered| sample.sent > answered);
        let alive = watched.asked.is_none_or(|asked| sample.came < asked);
        self.asked_after_delete += usize::from(after_delete);
        match &sample.verdict {
            None => self.silent += 1,
            Some(Verdict::Unavailable) => self.unavailable += 1,
            Some(Verdict::Accepted { .. }) => self.accepted_after_delete += usize::from(after_delete),
            Some(Verdict::Refused(_)) => self.refused_alive += usize::from(alive),
            Some(nonsense @ Verdict::Nonsense(_)) => self.nonsense.push(nonsense.clone()),
        }
    }
}

/// How long a proxy leads to two primaries.
pub(crate) fn confusion() -> Duration {
    Duration::from_secs(if settings::at_full_length() { 30 } else { 4 })
}
