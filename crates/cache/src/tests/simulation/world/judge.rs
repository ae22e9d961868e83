//! The promise: acknowledging changes, and judging verdicts.

use std::time::Duration;

use capykeys_domain::{
    model::Sequence,
    ports::{FeedProgress, FoundKey, Registry},
};

use super::{
    Event, KEYS, Micros, Mutation, Pending, Question, Request, SECRETS, Secret, Step, Store, Told, Violation,
    World, micros,
};
use crate::{
    Answer, BootTime,
    acknowledgement::Acknowledgement,
    tests::simulation::{ShellBug, replica::LONGEST},
};

/// A change that was committed and not acknowledged yet.
pub(super) struct Unacknowledged {
    mutation: Mutation,
    committed: Micros,
    acknowledgement: Acknowledgement,
    kept_until: BootTime,
    /// Whether it is a replica that waits, and no program of an operator's.
    by_replica: bool,
}

pub(super) fn every_secret() -> impl Iterator<Item = Secret> {
    (0..KEYS).flat_map(|key| (0..SECRETS).map(move |number| Secret { key, number }))
}

const fn concerns(mutation: Mutation, secret: Secret) -> bool {
    match mutation {
        Mutation::Revoke(key) | Mutation::Rotate(key) => secret.key == key,
        Mutation::Suspend(one) | Mutation::Resume(one) => Store::owner(secret.key) == one,
    }
}

impl World {
    /// Notes since when each secret is not good.
    pub(super) fn judge_secrets(&mut self) {
        let now = self.now;
        let boots = self.replicas.iter().map(|replica| replica.boot(now)).collect::<Vec<_>>();
        for secret in every_secret() {
            if self.store.accepts(secret) {
                self.refused_since.remove(&secret);
                self.acknowledged.remove(&secret);
            } else {
                self.refused_since.entry(secret).or_insert_with(|| (now, boots.clone()));
            }
        }
    }

    /// The replica is told that its own mutation was committed; or a program of an operator's on the same
    /// machine, which remembers nothing.
    pub(super) fn mutated(&mut self, replica: usize, mutation: Mutation, committed: Micros) {
        let change = self.store.change(mutation);
        let clock = self.clock(replica);
        if self.promoted.is_some_and(|at| at <= committed) {
            // It was told by the new primary.
            let (line, newest) = (self.store.primary.line, &mut self.process(replica).newest);
            let _ = newest.admits(newest.epoch(), line);
        }
        let (own, kept_until) = if self.rng.percent(85) {
            let process = self.process(replica);
            process.machine.apply(&[change]);
            (Some(process.id), process.machine.kept_until())
        } else {
            (None, BootTime::START)
        };
        let mut acknowledgement = Acknowledgement::new(own, clock).with_registrations(LONGEST);
        if self.shell == Some(ShellBug::RegistryReadBeforeCommit) {
            acknowledgement.told(&self.registry_before, BootTime::START);
        }
        let (number, by_replica) = (self.number(), own.is_some());
        let waiting = Unacknowledged { mutation, committed, acknowledgement, kept_until, by_replica };
        self.unacknowledged.insert((replica, number), waiting);
        self.look_at_clock(replica, number);
        self.read_registry(replica, number);
    }

    pub(super) fn read_registry(&mut self, replica: usize, number: u64) {
        if self.unacknowledged.contains_key(&(replica, number)) {
            self.send(replica, Request::Registry, Pending::Propagation(number), 150_000);
        }
    }

    pub(super) fn registry_told(&mut self, replica: usize, number: u64, told: &Told) {
        let Told::Registry(registry) = told else { return };
        let (clock, known) =
            (self.clock(replica), self.process(replica).machine.epoch_since(registry.head.epoch));
        if let Some(waiting) = self.unacknowledged.get_mut(&(replica, number)) {
            let since = known.filter(|_| waiting.by_replica).unwrap_or(clock);
            waiting.acknowledgement.told(registry, since);
            self.look_at_clock(replica, number);
            self.at(replica, 10_000, Step::ReadRegistry(number));
        }
    }

    pub(super) fn registry_not_read(&mut self, replica: usize, number: u64) {
        self.tally.registry_not_read += 1;
        if self.shell == Some(ShellBug::NobodyWhereUnread) {
            let head = FeedProgress { sequence: Sequence::START, epoch: self.store.primary.line.id };
            let nobody = Registry { head, replicas: Vec::new() };
            return self.registry_told(replica, number, &Told::Registry(nobody));
        }
        self.at(replica, 10_000, Step::ReadRegistry(number));
    }

    /// Acknowledges the change where it may be, or comes back when it may be at the latest.
    pub(super) fn look_at_clock(&mut self, replica: usize, number: u64) {
        let clock = self.clock(replica);
        let Some(waiting) = self.unacknowledged.get(&(replica, number)) else { return };
        let latest = waiting.acknowledgement.latest().max(waiting.kept_until);
        let left = latest.since(clock);
        if !left.is_zero() {
            let wait = self.replicas[replica].real(micros(left));
            return self.at(replica, wait, Step::LookAtClock(number));
        }
        let waited = clock.since(waiting.acknowledgement.latest()) < Duration::from_millis(1);
        let (mutation, committed) = (waiting.mutation, waiting.committed);
        self.unacknowledged.remove(&(replica, number));
        self.tally.deletes += 1;
        self.tally.deletes_after_lease += u64::from(waited);
        self.tally.deletes_after_longest_registration += u64::from(self.now - committed > micros(LONGEST));
        for secret in every_secret().filter(|secret| concerns(mutation, *secret)) {
            // Unless it was lost with a primary, or is another change by now.
            if self.refused_since.get(&secret).is_some_and(|since| since.0 <= committed) {
                self.acknowledged.entry(secret).or_insert(self.now);
            }
        }
    }

    fn violated(&mut self, replica: usize, question: &Question, lease: Micros, kept: bool) -> bool {
        let (now, since) = (self.now, if kept { self.now } else { question.asked });
        let acknowledged = self.acknowledged.get(&question.secret).is_some_and(|at| since > *at);
        let refused = self.refused_since.get(&question.secret);
        let late = refused.map(|(_, boots)| self.replicas[replica].boot(now) - boots[replica]);
        if acknowledged {
            let asked = question.asked;
            self.violation = Some(if kept {
                Violation::KeptAfterDelete { at: now, asked }
            } else {
                Violation::AcceptedAfterDelete { at: now, asked }
            });
        } else if let Some(late) = late.filter(|late| *late > lease && !self.may_be_left_behind(replica)) {
            self.violation = Some(Violation::AcceptedTooLate { at: now, late });
        }
        late.is_some()
    }

    /// Whether the replica may still be told of the state before a failover.
    fn may_be_left_behind(&self, replica: usize) -> bool {
        let host = &self.replicas[replica];
        self.promoted.is_some_and(|at| host.boot(self.now) - host.boot(at) < micros(LONGEST))
    }

    pub(super) fn verdict(&mut self, replica: usize, question: Question, answer: &Answer) {
        let good = |found: &FoundKey| found.key.revoked_at.is_none() && !found.organization.is_suspended();
        if !answer.found.as_deref().is_some_and(good) {
            self.tally.refused += 1;
            return;
        }
        self.tally.accepted += 1;
        let (clock, lease) = (self.clock(replica), micros(self.process(replica).lease));
        let stale = self.violated(replica, &question, lease, false);
        self.tally.accepted_within_lease += u64::from(stale);
        // Counted from when it asked, by the slowest clock that there is.
        let end = question.asked + micros(answer.keepable(clock));
        if end > self.now {
            self.later(end - 1 - self.now, Event::Act(replica, question, lease));
        }
    }

    /// Somebody acts on a verdict that they have kept.
    pub(super) fn act(&mut self, replica: usize, question: &Question, lease: Micros) {
        self.tally.kept += 1;
        let stale = self.violated(replica, question, lease, true);
        self.tally.kept_within_lease += u64::from(stale);
    }
}
