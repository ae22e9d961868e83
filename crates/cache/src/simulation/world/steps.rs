//! What the replicas do: asking, polling, and giving verdicts.

use capykeys_domain::ports::FoundKey;

use super::{
    ATTEMPTS, Event, KEYS, Micros, Mutation, POLL_INTERVAL, Read, SECRETS, Secret, Step, Told, Violation,
    World,
};
use crate::{
    Answer,
    machine::{Polled, Reading},
};

impl World {
    pub(super) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn ask(&mut self, replica: usize) {
        let next = self.rng.between(2_000, 40_000);
        self.later(next, Event::At(replica, Step::Ask));
        let key = self.rng.index(KEYS);
        let current =
            (0..SECRETS).find(|&number| self.store.accepts(Secret { key, number })).unwrap_or(SECRETS - 1);
        // The good one mostly, else any: one that was good, or one that nobody has been given.
        let number = if self.rng.percent(60) { current } else { self.rng.index(SECRETS) };
        self.look_up(replica, Secret { key, number }, 0);
    }

    pub(super) fn look_up(&mut self, replica: usize, secret: Secret, attempts: u32) {
        let digest = std::slice::from_ref(self.store.digest(secret));
        let clock = self.replicas[replica].clock(self.now);
        let recalled = self.replicas[replica].machine.recall(digest, None);
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

    pub(super) fn read_answered(&mut self, replica: usize, number: u64, found: Option<FoundKey>) {
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

    pub(super) fn conclude(&mut self, replica: usize, secret: Secret, reading: &Reading, attempts: u32) {
        let digest = std::slice::from_ref(self.store.digest(secret));
        let own = &self.replicas[replica];
        if let Some(answer) = own.machine.conclude(reading, digest, None, own.clock(self.now)) {
            return self.verdict(replica, secret, &answer);
        }
        self.tally.fenced += 1;
        if attempts + 1 < ATTEMPTS {
            self.look_up(replica, secret, attempts + 1);
        }
    }

    pub(super) fn poll(&mut self, replica: usize) {
        let number = self.number();
        let own = &mut self.replicas[replica];
        let clock = own.clock(self.now);
        own.poll = Some((number, own.machine.begin_poll(clock)));
        if let Some(there) = own.there(&mut self.rng) {
            self.later(there, Event::Arrives(replica, Step::PollAtStore(number)));
        }
        self.later(2 * POLL_INTERVAL, Event::At(replica, Step::PollGivenUp(number)));
    }

    pub(super) fn poll_answered(&mut self, replica: usize, number: u64, told: &Told) {
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
            Polled::Current | Polled::Unregistered | Polled::Ignored => {}
        }
    }

    /// The replica is told that its own mutation was committed.
    pub(super) fn mutated(&mut self, replica: usize, mutation: Mutation, at: Micros) {
        let change = self.store.change(mutation);
        self.replicas[replica].machine.apply(&[change]);
        if let Mutation::Revoke(key) = mutation {
            let wait = self.replicas[replica].real(self.commit_wait);
            self.later(wait, Event::At(replica, Step::DeleteAnswered(key, at)));
        }
    }

    // --- The promise ---

    pub(super) fn verdict(&mut self, replica: usize, secret: Secret, answer: &Answer) {
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
