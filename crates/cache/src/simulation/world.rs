//! One run: a store and two replicas on one scheduler, which a seed drives.

mod events;
mod steps;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use events::{Event, Step, Told};

use super::{
    Fault, Micros, Tally, Violation,
    replica::{Read, Replica, WALL, Weather},
    rng::Rng,
    store::{KEYS, Mutation, ORGANIZATIONS, SECRETS, Secret, Store},
};
use crate::{CacheSettings, settings::run_out};

/// How long a run is.
const END: Micros = 2_500_000;
const REPLICAS: usize = 2;
const POLL_INTERVAL: Micros = 100_000;
const POLL_LIMIT: usize = 2;
const ATTEMPTS: u32 = 3;

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
            commit_wait: micros(run_out(settings.lease)),
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
}

fn every_secret() -> impl Iterator<Item = Secret> {
    (0..KEYS).flat_map(|key| (0..SECRETS).map(move |number| Secret { key, number }))
}
