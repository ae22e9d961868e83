//! The promise, and when two states are the same.

use std::hash::Hash;

use capykeys_domain::ports::{NewestEpoch, Poll};

use super::{
    Violation,
    server::{Registered, line},
    world::{LONGEST, Made, Replica, TICK, World, Write},
};
use crate::Answer;

impl World {
    pub(super) fn is_acknowledged(&self, key: usize) -> bool {
        self.made[key].as_ref().is_some_and(|made| made.acknowledged)
    }

    pub(super) fn judge(&mut self, number: usize, key: usize, answer: &Answer, acknowledged: bool) {
        if answer.found.as_ref().is_none_or(|found| found.key.revoked_at.is_some()) {
            return;
        }
        let clock = self.clock();
        self.kept[key] = self.kept[key].max(clock.after(answer.keepable(clock)));
        let Some(made) = &self.made[key] else { return };
        if acknowledged && made.acknowledged {
            self.violation = Some(Violation::AcceptedAfterDelete);
        } else if self.now - made.committed > self.replicas[number].lease
            && self.now - self.began >= self.bounds.registration
        {
            self.violation = Some(Violation::AcceptedTooLate);
        }
    }

    pub(super) fn acknowledge(&mut self, key: usize) {
        if let Some(made) = &mut self.made[key] {
            made.acknowledged = true;
            if self.kept[key] > self.clock() {
                self.violation = Some(Violation::KeptAfterDelete);
            }
        }
    }

    /// Everything that what happens next depends on, and nothing that only counts.
    pub(super) fn fingerprint(&self) -> impl Hash + use<> {
        let (clock, confirming) = (self.clock(), self.may_acknowledge());
        let number = |newest: &NewestEpoch| newest.epoch().map(|line| line.number);
        let write = |write: &Write| match write {
            Write::Register { sent, asked, line, anew, committed } => {
                let left = sent.after(TICK * self.bounds.registration).since(clock);
                (Some((left, number(asked), *anew, *committed)), *line, 0)
            }
            Write::Confirm(sequence, line) => (None, *line, *sequence),
        };
        let replica = |replica: &Replica| {
            let counts = |asked, told| replica.newest.clone().admits(asked, line(told));
            let poll =
                replica.poll.as_ref().filter(|poll| counts(poll.asked.epoch(), poll.line)).map(|poll| {
                    (
                        poll.sent.fingerprint(clock),
                        number(&poll.asked),
                        poll.line,
                        poll.told.as_ref().map(told),
                    )
                });
            let read = replica.read.as_ref().map(|read| {
                let state = counts(read.asked.epoch(), read.line).then(|| {
                    let left = replica.machine.read_fingerprint(&read.sent, &self.keys.0[read.key], clock);
                    let found =
                        read.found.as_ref().map(|found| left.is_some() && found.key.revoked_at.is_some());
                    (left, number(&read.asked), found, read.acknowledged)
                });
                (read.key, state, read.line, read.next)
            });
            (
                replica.id,
                replica.machine.fingerprint(clock, confirming),
                number(&replica.newest),
                poll,
                read,
                replica.write.as_ref().map(write),
            )
        };
        let made = |made: &Option<Made>| {
            let made = made.as_ref()?;
            let waits = (!made.acknowledged)
                .then(|| made.acknowledgement.fingerprint(TICK * LONGEST, self.fast_clock()));
            Some(((self.now - made.committed).min(LONGEST + 1), made.acknowledged, waits))
        };
        let registered = |(id, one): (&u8, &Registered)| {
            let seen = self.reaper.fingerprint(&one.known(*id), self.fast_clock());
            (*id, one.confirmed.filter(|_| confirming), one.retired, seen)
        };
        let replicas: Vec<_> = self.replicas.iter().map(replica).collect();
        let made: Vec<_> = self.made.iter().map(made).collect();
        let kept: Vec<_> = self.kept.iter().filter(|_| confirming).map(|kept| kept.since(clock)).collect();
        let registered: Vec<_> = self.server.replicas.iter().map(registered).collect();
        // Nothing is written there any more.
        let replaced = self.replaced.as_ref().map(|old| {
            let registered = old.replicas.iter().filter(|(_, one)| !one.retired);
            (old.line, old.revoked.clone(), registered.map(|(id, _)| *id).collect::<Vec<_>>())
        });
        let servers = (self.server.line, self.server.revoked.clone(), registered, replaced);
        let began = (self.now - self.began).min(self.bounds.registration);
        (self.restarts, self.failovers, began, servers, replicas, made, kept)
    }
}

/// What a poll is told follows from the line, the number and the registration.
fn told(told: &Poll) -> (bool, i64, bool) {
    match told {
        Poll::Changes { position, registered, .. } => (false, position.sequence.get(), *registered),
        Poll::Diverged(head) => (true, head.position.sequence.get(), head.registered),
    }
}
