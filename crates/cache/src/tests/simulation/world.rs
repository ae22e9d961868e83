//! One run: a store and its replicas on one scheduler, which a seed drives.

mod events;
mod follow;
mod judge;
mod steps;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
    time::Duration,
};

use capykeys_domain::ports::Registry;
use events::{Event, Step};
use judge::Unacknowledged;

use super::{
    Fault, Micros, ShellBug, Tally, Violation,
    messages::{Message, Reply, Request, To, Told},
    replica::{Pending, Process, Question, Replica, WALL, Weather},
    rng::Rng,
    store::{KEYS, Mutation, ORGANIZATIONS, SECRETS, Secret, Store, StoreBug},
};

/// How long a run is: some go on until the longest lease has run out.
const END: Micros = 3_000_000;
const LONG_END: Micros = 8_000_000;
const REPLICAS: usize = 3;
const ATTEMPTS: u32 = 3;

/// Since when a secret is not good: in real time, and on each replica's clock.
type Since = (Micros, Vec<Micros>);

pub(super) struct World {
    now: Micros,
    end: Micros,
    queue: BinaryHeap<Reverse<(Micros, u64, usize)>>,
    events: Vec<Option<Event>>,
    rng: Rng,
    shell: Option<ShellBug>,
    store: Store,
    down: bool,
    /// Whether nobody can read the registry.
    registry_fails: bool,
    /// When a primary that stood still goes on, whatever has happened meanwhile.
    thaws: Micros,
    /// Whether the primary that is down goes on, and is cut off from its standby: it answers, and commits nothing.
    cut_off: bool,
    /// When the last standby took over.
    promoted: Option<Micros>,
    replicas: Vec<Replica>,
    numbers: u64,
    unacknowledged: BTreeMap<(usize, u64), Unacknowledged>,
    refused_since: BTreeMap<Secret, Since>,
    /// Since when whoever asks must be refused: a change was acknowledged, and it holds.
    acknowledged: BTreeMap<Secret, Micros>,
    /// For mistakes that are made on purpose.
    registry_before: Registry,
    early: BTreeSet<u64>,
    violation: Option<Violation>,
    pub(super) tally: Tally,
}

fn micros(time: Duration) -> Micros {
    Micros::try_from(time.as_micros()).unwrap()
}

impl World {
    pub(super) fn new(seed: u64, fault: Fault) -> Self {
        let mut rng = Rng::new(seed);
        let (clock, store, shell) = fault.parts();
        let replicas = (0..REPLICAS).map(|_| Replica::new(clock, &mut rng)).collect();
        let end = if rng.percent(5) { LONG_END } else { END };
        let registry_fails = end == LONG_END && rng.percent(60);
        let store = Store::new(store);
        let mut world = Self {
            now: 0,
            end,
            queue: BinaryHeap::new(),
            events: Vec::new(),
            rng,
            shell,
            registry_before: store.registry(&store.primary),
            store,
            down: false,
            registry_fails,
            thaws: 0,
            cut_off: false,
            promoted: None,
            replicas,
            numbers: 0,
            unacknowledged: BTreeMap::new(),
            refused_since: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            early: BTreeSet::new(),
            violation: None,
            tally: Tally::default(),
        };
        world.judge_secrets();
        world.set_out();
        world
    }

    fn set_out(&mut self) {
        for replica in 0..REPLICAS {
            let last = if replica + 1 == REPLICAS { 2_000_000 } else { 50_000 };
            let start = self.rng.between(0, last);
            self.later(start, Event::Start(replica));
            let (weather, freeze, wall) = (
                self.rng.between(0, 500_000),
                self.rng.between(0, 4_000_000),
                self.rng.between(0, 4_000_000),
            );
            self.later(weather, Event::NewWeather(replica));
            self.later(freeze, Event::Freeze(replica));
            self.later(wall, Event::SetWallClock(replica));
        }
        self.later(50_000, Event::Begin);
        let (standby, clock) = (self.rng.between(0, 1_000_000), self.rng.between(0, 4_000_000));
        self.later(standby, Event::PauseStandby);
        self.later(clock, Event::SetStoreClock);
        if self.store.bug != Some(StoreBug::CursorBySequence) && self.rng.percent(40) {
            let at = self.rng.between(300_000, 2_000_000);
            self.later(at, Event::Fail);
        }
    }

    pub(super) fn run(mut self) -> Result<Tally, Violation> {
        while let Some(Reverse((at, _, place))) = self.queue.pop() {
            if at > self.end {
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

    fn at(&mut self, replica: usize, delay: Micros, step: Step) {
        let incarnation = self.replicas[replica].incarnation;
        self.later(delay, Event::At(replica, incarnation, step));
    }

    fn happen(&mut self, event: Event, place: usize) {
        match event {
            Event::At(replica, incarnation, step) => {
                let host = &self.replicas[replica];
                let until = host.frozen_until;
                if host.incarnation != incarnation || host.process.is_none() {
                    return;
                }
                if self.now < until {
                    // After a pause, an answer that is there counts, though its deadline has passed
                    // as well: so does a timeout around a future.
                    let until = until + Micros::from(matches!(step, Step::GivenUp(_)));
                    self.events[place] = Some(Event::At(replica, incarnation, step));
                    self.queue.push(Reverse((until, place as u64, place)));
                } else {
                    self.step(replica, step);
                }
            }
            Event::Arrives { replica, incarnation, number, message } => {
                self.arrive(replica, incarnation, number, message);
            }
            Event::NewWeather(replica) => self.new_weather(replica),
            Event::Freeze(replica) => {
                let (time, sleep) = (self.rng.between(10_000, 1_200_000), self.rng.percent(50));
                self.replicas[replica].freeze(self.now, time, sleep);
                let next = time + self.rng.between(300_000, 3_000_000);
                self.later(next, Event::Freeze(replica));
            }
            Event::SetWallClock(replica) => self.replicas[replica].wall = self.rng.between(0, 2 * WALL),
            Event::Start(replica) => self.start(replica),
            Event::Act(replica, question, lease) => self.act(replica, &question, lease),
            Event::Begin => self.begin_transaction(),
            Event::Commit { replica, incarnation, mutation, number, timeline } => {
                self.commit((replica, incarnation), mutation, number, timeline);
            }
            Event::Fail => {
                self.down = true;
                let gap = self.rng.between(20_000, 700_000);
                self.cut_off = self.rng.percent(50);
                self.thaws =
                    if self.cut_off { self.now } else { self.now + gap + self.rng.between(0, 150_000) };
                self.later(gap, Event::Promote);
            }
            Event::Promote => {
                self.down = false;
                let (lost, confirmations_too) = (self.rng.index(4), self.rng.percent(50));
                self.store.promote(lost, confirmations_too);
                self.promoted = Some(self.now);
                for replica in &mut self.replicas {
                    if self.rng.percent(35) {
                        replica.left_behind_until = self.now + self.rng.between(0, 4_000_000);
                        self.tally.left_behind += 1;
                    }
                }
                self.judge_secrets();
                self.tally.promotions += 1;
            }
            Event::PauseStandby => {
                self.store.pause_standby();
                let next = self.rng.between(200_000, 1_500_000);
                self.later(next, Event::PauseStandby);
            }
            Event::SetStoreClock => {
                self.store.clock_ahead = i64::try_from(self.rng.between(0, 20_000_000)).unwrap() - 10_000_000;
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
        let (incarnation, timeline) = (self.replicas[replica].incarnation, self.store.primary.line.number);
        self.registry_before = self.store.registry(&self.store.primary);
        self.later(open, Event::Commit { replica, incarnation, mutation, number, timeline });
    }

    fn commit(&mut self, by: (usize, u64), mutation: Mutation, number: i64, timeline: i64) {
        let mark = self.rng.next();
        if self.down || timeline != self.store.primary.line.number {
            return;
        }
        // What is so already is acknowledged too: whoever asks again was not told the first time.
        let again = matches!(mutation, Mutation::Revoke(_) | Mutation::Suspend(_));
        if !self.store.commit(mutation, number, mark) && !again {
            return;
        }
        self.tally.commits += 1;
        self.judge_secrets();
        let back = self.rng.between(100, 300_000);
        self.later(back, Event::At(by.0, by.1, Step::Mutated(mutation, self.now)));
    }

    fn arrive(&mut self, replica: usize, incarnation: u64, number: u64, message: Message) {
        let primary = self.store.primary.line;
        let stands_still = match message.to {
            To::Line(line) if line == primary => self.down && !self.cut_off,
            To::Line(_) => self.now < self.thaws,
            To::Standby => false,
        };
        if stands_still {
            let wait = self.thaws.saturating_sub(self.now).max(1);
            return self.later(wait, Event::Arrives { replica, incarnation, number, message });
        }
        if self.registry_fails && matches!(message.request, Request::Registry) {
            return;
        }
        let durable =
            matches!(message.request, Request::Register(_) | Request::Retire(..) | Request::Forget(..));
        if self.down && durable && self.shell != Some(ShellBug::CancelledWaitTaken) {
            return;
        }
        let Some(reply) = self.store.answer(&message, self.shell, self.now) else { return };
        self.tally.of_others += u64::from(reply.recovering || reply.line != primary);
        if let Some(back) = self.replicas[replica].back(&mut self.rng) {
            self.later(back, Event::At(replica, incarnation, Step::Answered(number, Box::new(reply))));
        }
    }
}
