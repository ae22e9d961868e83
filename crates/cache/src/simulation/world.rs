//! One run: a store and two replicas on one scheduler, which a seed drives.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use capykeys_domain::ports::{FeedHead, FoundKey, Poll};

use super::{
    Fault, Micros, Tally, Violation,
    replica::{Read, Replica, WALL, Weather},
    rng::Rng,
    store::{KEYS, Mutation, ORGANIZATIONS, SECRETS, Secret, Store},
};
use crate::{
    Answer, CacheSettings,
    machine::{Polled, Reading},
};

/// How long a run is.
const END: Micros = 2_500_000;
const REPLICAS: usize = 2;
const POLL_INTERVAL: Micros = 100_000;
const POLL_LIMIT: usize = 2;
const ATTEMPTS: u32 = 3;

enum Told {
    Head(FeedHead),
    Poll(Poll),
}

enum Step {
    Ask,
    ReadAtStore(u64),
    ReadAnswered(u64, Option<Box<FoundKey>>),
    ReadGivenUp(u64),
    Conclude(Secret, Reading, u32),
    Tick,
    PollAtStore(u64),
    PollAnswered(u64, Told),
    PollGivenUp(u64),
    Mutated(Mutation, Micros),
    DeleteAnswered(usize, Micros),
    NewWeather,
    Freeze,
    SetWallClock,
}

enum Event {
    /// At a replica, or later where it stands still.
    At(usize, Step),
    /// On the way to the store: replicas that stand still do not stop it.
    Arrives(usize, Step),
    Begin,
    Commit {
        replica: usize,
        mutation: Mutation,
        number: i64,
        timeline: u64,
    },
    Fail,
    Promote,
}

/// Since when a secret is not good: in real time, and on each replica's clock.
type Since = (Micros, [Micros; REPLICAS]);

pub(super) struct World {
    now: Micros,
    queue: BinaryHeap<Reverse<(Micros, u64, usize)>>,
    events: Vec<Option<Event>>,
    rng: Rng,
    lease: Micros,
    commit_wait: Micros,
    store: Store,
    down: bool,
    replicas: Vec<Replica>,
    numbers: u64,
    refused_since: BTreeMap<Secret, Since>,
    /// Of each key, whether a DELETE was answered that still holds.
    deleted: [bool; KEYS],
    violation: Option<Violation>,
    pub(super) tally: Tally,
}

impl World {
    pub(super) fn new(seed: u64, fault: Fault) -> Self {
        let settings = CacheSettings::default();
        let micros = |time: std::time::Duration| Micros::try_from(time.as_micros()).unwrap();
        let mut rng = Rng::new(seed);
        let (bug, clock, store) = fault.parts();
        let replicas = (0..REPLICAS).map(|_| Replica::new(&settings, bug, clock, &mut rng)).collect();
        let mut world = Self {
            now: 0,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            rng,
            lease: micros(settings.lease),
            commit_wait: micros(settings.commit_wait()),
            store: Store::new(store),
            down: false,
            replicas,
            numbers: 0,
            refused_since: BTreeMap::new(),
            deleted: [false; KEYS],
            violation: None,
            tally: Tally::default(),
        };
        world.judge_secrets();
        world.set_out(store.is_none_or(|bug| bug != super::store::StoreBug::CursorBySequence));
        world
    }

    fn set_out(&mut self, may_fail: bool) {
        for replica in 0..REPLICAS {
            let first = self.rng.between(0, POLL_INTERVAL);
            self.later(first, Event::At(replica, Step::Tick));
            self.later(first, Event::At(replica, Step::Ask));
            let (weather, freeze, wall) = (
                self.rng.between(0, 500_000),
                self.rng.between(0, 4_000_000),
                self.rng.between(0, 4_000_000),
            );
            self.later(weather, Event::At(replica, Step::NewWeather));
            self.later(freeze, Event::At(replica, Step::Freeze));
            self.later(wall, Event::At(replica, Step::SetWallClock));
        }
        self.later(50_000, Event::Begin);
        if may_fail && self.rng.percent(40) {
            let at = self.rng.between(300_000, 2_000_000);
            self.later(at, Event::Fail);
        }
    }

    pub(super) fn run(mut self) -> Result<Tally, Violation> {
        while let Some(Reverse((at, _, place))) = self.queue.pop() {
            if at > END {
                break;
            }
            self.now = at;
            if let Some(event) = self.events[place].take() {
                self.happen(event, place);
            }
            if let Some(violation) = self.violation {
                return Err(violation);
            }
        }
        Ok(self.tally)
    }

    fn later(&mut self, delay: Micros, event: Event) {
        let place = self.events.len();
        self.events.push(Some(event));
        self.queue.push(Reverse((self.now + delay, place as u64, place)));
    }

    fn happen(&mut self, event: Event, place: usize) {
        match event {
            Event::At(replica, step) => {
                let until = self.replicas[replica].frozen_until;
                if self.now < until {
                    // After a pause, an answer that is there counts, though its deadline has passed
                    // as well: so does a timeout around a future.
                    let until = until + Micros::from(matches!(step, Step::PollGivenUp(_)));
                    self.events[place] = Some(Event::At(replica, step));
                    self.queue.push(Reverse((until, place as u64, place)));
                } else {
                    self.step(replica, step);
                }
            }
            Event::Arrives(replica, step) => self.arrive(replica, &step),
            Event::Begin => self.begin_transaction(),
            Event::Commit { replica, mutation, number, timeline } => {
                self.commit(replica, mutation, number, timeline);
            }
            Event::Fail => {
                self.down = true;
                let gap = self.rng.between(20_000, 700_000);
                self.later(gap, Event::Promote);
            }
            Event::Promote => {
                self.down = false;
                let lost = self.rng.index(4);
                self.store.promote(lost);
                self.judge_secrets();
                self.tally.promotions += 1;
            }
        }
    }

    // --- The store ---

    fn begin_transaction(&mut self) {
        let gap = if self.rng.percent(30) { 1_000 } else { self.rng.between(20_000, 400_000) };
        self.later(gap, Event::Begin);
        if self.down {
            return;
        }
        let (key, one) = (self.rng.index(KEYS), self.rng.index(ORGANIZATIONS));
        let mutation = match self.rng.index(10) {
            0..3 => Mutation::Revoke(key),
            3..6 => Mutation::Rotate(key),
            6..8 => Mutation::Suspend(one),
            _ => Mutation::Resume(one),
        };
        // Now and then somebody leaves a transaction open.
        let open =
            if self.rng.percent(20) { self.rng.between(50_000, 900_000) } else { self.rng.between(0, 5_000) };
        let (replica, number) = (self.rng.index(REPLICAS), self.store.take_number());
        let timeline = self.store.timeline;
        self.later(open, Event::Commit { replica, mutation, number, timeline });
    }

    fn commit(&mut self, replica: usize, mutation: Mutation, number: i64, timeline: u64) {
        let mark = self.rng.next();
        if self.down || timeline != self.store.timeline || !self.store.commit(mutation, number, mark) {
            return;
        }
        self.tally.commits += 1;
        self.judge_secrets();
        let back = self.rng.between(100, 300_000);
        self.later(back, Event::At(replica, Step::Mutated(mutation, self.now)));
    }

    /// Notes since when each secret is not good.
    fn judge_secrets(&mut self) {
        let now = self.now;
        let boots = [self.replicas[0].boot(now), self.replicas[1].boot(now)];
        for secret in every_secret() {
            if self.store.accepts(secret) {
                self.refused_since.remove(&secret);
                self.deleted[secret.key] = false;
            } else {
                self.refused_since.entry(secret).or_insert((now, boots));
            }
        }
    }

    fn arrive(&mut self, replica: usize, step: &Step) {
        if self.down {
            return;
        }
        let back = self.replicas[replica].back(&mut self.rng);
        let answer = match *step {
            Step::ReadAtStore(number) => {
                let Some(read) = self.replicas[replica].reads.get(&number) else { return };
                Step::ReadAnswered(number, self.store.find(read.secret).map(Box::new))
            }
            Step::PollAtStore(number) => {
                let poll = self.replicas[replica].poll.as_ref();
                let Some((_, sent)) = poll.filter(|(one, _)| *one == number) else { return };
                Step::PollAnswered(
                    number,
                    match &sent.position {
                        Some(position) => Told::Poll(self.store.poll(position, POLL_LIMIT, self.now)),
                        None => Told::Head(self.store.head(self.now)),
                    },
                )
            }
            _ => return,
        };
        if let Some(back) = back {
            self.later(back, Event::At(replica, answer));
        }
    }

    // --- A replica ---

    fn step(&mut self, replica: usize, step: Step) {
        match step {
            Step::Ask => self.ask(replica),
            Step::ReadAnswered(number, found) => {
                self.read_answered(replica, number, found.map(|found| *found));
            }
            Step::ReadGivenUp(number) => {
                if let Some(read) = self.replicas[replica].reads.remove(&number) {
                    self.replicas[replica].machine.abandon_read(&read.sent);
                }
            }
            Step::Conclude(secret, reading, attempts) => self.conclude(replica, secret, &reading, attempts),
            Step::Tick => {
                self.later(POLL_INTERVAL, Event::At(replica, Step::Tick));
                if self.replicas[replica].poll.is_none() {
                    self.poll(replica);
                }
            }
            Step::PollAnswered(number, told) => self.poll_answered(replica, number, &told),
            Step::PollGivenUp(number) => drop(self.replicas[replica].poll.take_if(|(one, _)| *one == number)),
            Step::Mutated(mutation, at) => self.mutated(replica, mutation, at),
            Step::DeleteAnswered(key, at) => {
                // Unless the revocation was lost with a primary, or is another one by now.
                let since = self.every_since(key).max();
                self.deleted[key] |= since.is_some_and(|since| since <= at);
                self.tally.deletes += 1;
            }
            Step::NewWeather => {
                self.replicas[replica].weather = match self.rng.index(10) {
                    0..4 => Weather::Fair,
                    4..6 => Weather::Slow,
                    6..8 => Weather::StalledThere,
                    _ => Weather::StalledBack,
                };
                let next = self.rng.between(50_000, 900_000);
                self.later(next, Event::At(replica, Step::NewWeather));
            }
            Step::Freeze => {
                let (time, sleep) = (self.rng.between(10_000, 1_200_000), self.rng.percent(50));
                self.replicas[replica].freeze(self.now, time, sleep);
                let next = time + self.rng.between(300_000, 3_000_000);
                self.later(next, Event::At(replica, Step::Freeze));
            }
            Step::SetWallClock => self.replicas[replica].wall = self.rng.between(0, 2 * WALL),
            Step::ReadAtStore(_) | Step::PollAtStore(_) => {}
        }
    }

    /// The times since when the key's secrets are refused, where all are.
    fn every_since(&self, key: usize) -> impl Iterator<Item = Micros> {
        let secrets = every_secret().filter(move |secret| secret.key == key);
        let all: Option<Vec<_>> =
            secrets.map(|secret| self.refused_since.get(&secret).map(|since| since.0)).collect();
        all.unwrap_or_default().into_iter()
    }

    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn ask(&mut self, replica: usize) {
        let next = self.rng.between(2_000, 40_000);
        self.later(next, Event::At(replica, Step::Ask));
        let key = self.rng.index(KEYS);
        let current =
            (0..SECRETS).find(|&number| self.store.accepts(Secret { key, number })).unwrap_or(SECRETS - 1);
        // The good one mostly, else any: one that was good, or one that nobody has been given.
        let number = if self.rng.percent(60) { current } else { self.rng.index(SECRETS) };
        self.look_up(replica, Secret { key, number }, 0);
    }

    fn look_up(&mut self, replica: usize, secret: Secret, attempts: u32) {
        let digest = std::slice::from_ref(self.store.digest(secret));
        let clock = self.replicas[replica].clock(self.now);
        let recalled = self.replicas[replica].machine.recall(digest);
        if let Some(answer) = recalled.filter(|answer| answer.remaining(clock).is_some()) {
            self.tally.hits += 1;
            return self.verdict(replica, secret, &answer);
        }
        let own = &mut self.replicas[replica];
        if let Some(read) = own.reads.values_mut().find(|read| read.secret == secret) {
            return read.waiting.push(attempts);
        }
        let sent = own.machine.begin_read(clock);
        let (there, number) = (own.there(&mut self.rng), self.number());
        self.replicas[replica].reads.insert(number, Read { secret, sent, waiting: vec![attempts] });
        if let Some(there) = there {
            self.later(there, Event::Arrives(replica, Step::ReadAtStore(number)));
        }
        self.later(2_000_000, Event::At(replica, Step::ReadGivenUp(number)));
    }

    fn read_answered(&mut self, replica: usize, number: u64, found: Option<FoundKey>) {
        let Some(read) = self.replicas[replica].reads.remove(&number) else { return };
        let digest = std::slice::from_ref(self.store.digest(read.secret));
        let reading = self.replicas[replica].machine.end_read(&read.sent, digest, found);
        self.tally.reads += 1;
        for attempts in read.waiting {
            // Whoever waits is woken at some time.
            let wakes = if self.rng.percent(80) { 0 } else { self.rng.between(0, 50_000) };
            self.later(wakes, Event::At(replica, Step::Conclude(read.secret, reading.clone(), attempts)));
        }
    }

    fn conclude(&mut self, replica: usize, secret: Secret, reading: &Reading, attempts: u32) {
        let digest = std::slice::from_ref(self.store.digest(secret));
        let own = &self.replicas[replica];
        if let Some(answer) = own.machine.conclude(reading, digest, own.clock(self.now)) {
            return self.verdict(replica, secret, &answer);
        }
        self.tally.fenced += 1;
        if attempts + 1 < ATTEMPTS {
            self.look_up(replica, secret, attempts + 1);
        }
    }

    fn poll(&mut self, replica: usize) {
        let number = self.number();
        let own = &mut self.replicas[replica];
        let clock = own.clock(self.now);
        own.poll = Some((number, own.machine.begin_poll(clock)));
        if let Some(there) = own.there(&mut self.rng) {
            self.later(there, Event::Arrives(replica, Step::PollAtStore(number)));
        }
        self.later(2 * POLL_INTERVAL, Event::At(replica, Step::PollGivenUp(number)));
    }

    fn poll_answered(&mut self, replica: usize, number: u64, told: &Told) {
        let own = &mut self.replicas[replica];
        let Some((_, sent)) = own.poll.take_if(|(one, _)| *one == number) else { return };
        let clock = own.clock(self.now);
        let polled = match told {
            Told::Head(head) => own.machine.end_head(&sent, head, clock),
            Told::Poll(poll) => own.machine.end_poll(&sent, poll, clock),
        };
        match polled {
            Polled::Behind => {
                self.tally.incomplete += 1;
                self.poll(replica);
            }
            Polled::Restarted => self.tally.restarts += 1,
            Polled::Current | Polled::Ignored => {}
        }
    }

    /// The replica is told that its own mutation was committed.
    fn mutated(&mut self, replica: usize, mutation: Mutation, at: Micros) {
        let change = self.store.change(mutation);
        self.replicas[replica].machine.apply(&[change]);
        if let Mutation::Revoke(key) = mutation {
            let wait = self.replicas[replica].real(self.commit_wait);
            self.later(wait, Event::At(replica, Step::DeleteAnswered(key, at)));
        }
    }

    // --- The promise ---

    fn verdict(&mut self, replica: usize, secret: Secret, answer: &Answer) {
        let good = |found: &FoundKey| found.key.revoked_at.is_none() && !found.organization.is_suspended();
        if !answer.found.as_deref().is_some_and(good) {
            self.tally.refused += 1;
            return;
        }
        self.tally.accepted += 1;
        if self.deleted[secret.key] {
            self.violation = Some(Violation::AcceptedAfterDelete { at: self.now });
        }
        if let Some((since, boots)) = self.refused_since.get(&secret) {
            self.tally.accepted_within_lease += 1;
            let late = self.replicas[replica].boot(self.now) - boots[replica];
            if late > self.lease {
                self.violation = Some(Violation::AcceptedTooLate { at: self.now, since: *since, late });
            }
        }
    }
}

fn every_secret() -> impl Iterator<Item = Secret> {
    (0..KEYS).flat_map(|key| (0..SECRETS).map(move |number| Secret { key, number }))
}
