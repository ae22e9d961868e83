//! What the replicas do: asking, giving verdicts, and sending what they have to say.

use super::{
    ATTEMPTS, Event, KEYS, Message, Pending, Process, Question, Reply, Request, SECRETS, Secret, Step, To,
    Weather, World, micros,
};
use crate::{BootTime, machine::Reading};

impl World {
    pub(super) fn step(&mut self, replica: usize, step: Step) {
        match step {
            Step::Ask => self.ask(replica),
            Step::Conclude(question, reading) => self.conclude(replica, question, &reading),
            Step::Tick => self.tick(replica),
            Step::Renew => self.renew(replica),
            Step::Answered(number, reply) => self.answered(replica, number, *reply),
            Step::GivenUp(number) => self.given_up(replica, number),
            Step::Mutated(mutation, at) => self.mutated(replica, mutation, at),
            Step::LookAtClock(number) => self.look_at_clock(replica, number),
            Step::ReadRegistry(number) => self.read_registry(replica, number),
            Step::Crash => self.crash(replica),
        }
    }

    pub(super) fn new_weather(&mut self, replica: usize) {
        self.replicas[replica].weather = match self.rng.index(10) {
            0..4 => Weather::Fair,
            4..6 => Weather::Slow,
            6..8 => Weather::StalledThere,
            _ => Weather::StalledBack,
        };
        let next = self.rng.between(50_000, 900_000);
        self.later(next, Event::NewWeather(replica));
    }

    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// The process of a replica that an event has reached.
    pub(super) fn process(&mut self, replica: usize) -> &mut Process {
        self.replicas[replica].process.as_mut().unwrap()
    }

    pub(super) fn clock(&self, replica: usize) -> BootTime {
        self.replicas[replica].clock(self.now)
    }

    /// Sends it, with a deadline.
    pub(super) fn send(&mut self, replica: usize, request: Request, pending: Pending, deadline: u64) {
        let number = self.number();
        let to = self.route(replica);
        let (from, asked) = (self.process(replica).id, self.process(replica).newest.epoch());
        self.process(replica).pending.insert(number, (pending, asked));
        let there = self.replicas[replica].there(&mut self.rng);
        if let Some(there) = there {
            let incarnation = self.replicas[replica].incarnation;
            let message = Message { to, from, asked, request };
            self.later(there, Event::Arrives { replica, incarnation, number, message });
        }
        self.at(replica, deadline, Step::GivenUp(number));
    }

    /// Whom a connection leads to.
    fn route(&mut self, replica: usize) -> To {
        let primary = To::Line(self.store.primary.line);
        let chance = self.rng.index(100);
        let left_behind = self.now < self.replicas[replica].left_behind_until;
        match &self.store.replaced {
            Some(replaced) if chance < 15 || left_behind => To::Line(replaced.line),
            _ if chance > 92 && self.store.standby.is_some() => To::Standby,
            _ => primary,
        }
    }

    pub(super) fn answered(&mut self, replica: usize, number: u64, reply: Reply) {
        let bug = self.shell;
        let process = self.process(replica);
        let Some((pending, asked)) = process.pending.remove(&number) else { return };
        if !process.admits(asked, &reply, bug) {
            self.tally.not_admitted += 1;
            return self.failed(replica, pending);
        }
        match pending {
            Pending::Read { secret, sent, waiting, next } => {
                self.read_answered(replica, secret, &sent, waiting, reply.told);
                self.read_again(replica, secret, next);
            }
            Pending::Propagation(change) => self.registry_told(replica, change, &reply.told),
            pending => self.followed(replica, number, pending, reply),
        }
    }

    pub(super) fn given_up(&mut self, replica: usize, number: u64) {
        if let Some((pending, _)) = self.process(replica).pending.remove(&number) {
            self.failed(replica, pending);
        }
    }

    fn failed(&mut self, replica: usize, pending: Pending) {
        match pending {
            Pending::Read { secret, sent, next, .. } => {
                self.process(replica).machine.abandon_read(&sent);
                self.read_again(replica, secret, next);
            }
            Pending::Propagation(change) => self.registry_not_read(replica, change),
            Pending::Register(_, false) => {}
            _ => self.process(replica).following = false,
        }
    }

    pub(super) fn ask(&mut self, replica: usize) {
        let next = self.rng.between(2_000, 40_000);
        self.at(replica, next, Step::Ask);
        let key = self.rng.index(KEYS);
        let current =
            (0..SECRETS).find(|&number| self.store.accepts(Secret { key, number })).unwrap_or(SECRETS - 1);
        // The good one mostly, else any: one that was good, or one that nobody has been given.
        let number = if self.rng.percent(60) { current } else { self.rng.index(SECRETS) };
        let keep = if self.rng.percent(70) { 0 } else { self.rng.between(1, 700) };
        let keep = std::time::Duration::from_millis(keep);
        self.look_up(
            replica,
            Question { secret: Secret { key, number }, asked: self.now, keep, attempts: 0 },
        );
    }

    fn keep(&self, replica: usize, question: &Question) -> Option<BootTime> {
        (!question.keep.is_zero()).then(|| self.clock(replica).after(question.keep))
    }

    fn look_up(&mut self, replica: usize, question: Question) {
        let digest = self.store.digest(question.secret).clone();
        let (clock, keep) = (self.clock(replica), self.keep(replica, &question));
        let machine = &self.process(replica).machine;
        let recalled = machine.recall(std::slice::from_ref(&digest), keep);
        let has_lease = clock < machine.lease_until();
        if let Some(answer) = recalled.filter(|answer| answer.remaining(clock).is_some()) {
            self.tally.hits += 1;
            return self.verdict(replica, question, &answer);
        }
        for (pending, _) in self.process(replica).pending.values_mut() {
            if let Pending::Read { secret, waiting, next, .. } = pending
                && *secret == question.secret
            {
                return if has_lease { waiting.push(question) } else { next.push(question) };
            }
        }
        self.read(replica, question.secret, vec![question]);
    }

    fn read(&mut self, replica: usize, secret: Secret, waiting: Vec<Question>) {
        let clock = self.clock(replica);
        let sent = self.process(replica).machine.begin_read(clock);
        let deadline = micros(self.process(replica).lease);
        let pending = Pending::Read { secret, sent, waiting, next: Vec::new() };
        self.send(replica, Request::Read(secret), pending, deadline);
    }

    /// The read that some have waited for begins, when the one before it has ended.
    fn read_again(&mut self, replica: usize, secret: Secret, waiting: Vec<Question>) {
        if !waiting.is_empty() {
            self.tally.reads_after_another += 1;
            self.read(replica, secret, waiting);
        }
    }

    fn read_answered(
        &mut self,
        replica: usize,
        secret: Secret,
        sent: &crate::machine::SentRead,
        waiting: Vec<Question>,
        told: super::Told,
    ) {
        let super::Told::Found(found) = told else { return };
        let digest = self.store.digest(secret).clone();
        let machine = &mut self.process(replica).machine;
        let reading = machine.end_read(sent, std::slice::from_ref(&digest), found.map(|found| *found));
        self.tally.reads += 1;
        for question in waiting {
            // Whoever waits is woken at some time.
            let wakes = if self.rng.percent(80) { 0 } else { self.rng.between(0, 50_000) };
            self.at(replica, wakes, Step::Conclude(question, reading.clone()));
        }
    }

    pub(super) fn conclude(&mut self, replica: usize, question: Question, reading: &Reading) {
        let digest = self.store.digest(question.secret).clone();
        let (clock, keep) = (self.clock(replica), self.keep(replica, &question));
        let machine = &self.process(replica).machine;
        if let Some(answer) = machine.conclude(reading, std::slice::from_ref(&digest), keep, clock) {
            return self.verdict(replica, question, &answer);
        }
        self.tally.fenced += 1;
        if question.attempts + 1 < ATTEMPTS {
            self.look_up(replica, Question { attempts: question.attempts + 1, ..question });
        }
    }
}
