//! Following the feed as a registered replica, in the steps of the poller.

use super::{Event, Pending, Reply, Request, Step, Told, World, micros};
use crate::{
    BootTime,
    machine::Polled,
    tests::simulation::{ShellBug, replica::Removal},
};

impl World {
    fn interval(&mut self, replica: usize) -> u64 {
        micros(self.process(replica).lease) / 5
    }

    fn follow(&mut self, replica: usize, request: Request, pending: Pending) {
        let deadline = 2 * self.interval(replica);
        self.send(replica, request, pending, deadline);
    }

    pub(super) fn tick(&mut self, replica: usize) {
        let interval = self.interval(replica);
        self.at(replica, interval, Step::Tick);
        if !std::mem::replace(&mut self.process(replica).following, true) {
            self.poll(replica);
        }
    }

    fn poll(&mut self, replica: usize) {
        let clock = self.clock(replica);
        let sent = self.process(replica).machine.begin_poll(clock);
        let request = sent.position.map_or(Request::Head, Request::Poll);
        self.follow(replica, request, Pending::Poll(sent));
    }

    pub(super) fn followed(&mut self, replica: usize, number: u64, pending: Pending, reply: Reply) {
        let clock = self.clock(replica);
        match (pending, reply.told) {
            (Pending::Poll(sent), told) => {
                if let Some(told) = self.confirmed_first(replica, number, &sent, told) {
                    let machine = &mut self.process(replica).machine;
                    let polled = match &told {
                        Told::Poll(poll) => machine.end_poll(&sent, poll, clock),
                        _ => Polled::Ignored,
                    };
                    self.polled(replica, polled);
                }
            }
            (Pending::Register(sent, anew), _) => {
                let counts_from =
                    if self.shell == Some(ShellBug::RegisteredFromTheAnswer) { clock } else { sent };
                let machine = &mut self.process(replica).machine;
                machine.renewed(counts_from);
                if anew {
                    machine.registered();
                    self.tally.registrations += 1;
                    self.poll(replica);
                } else {
                    self.tally.renewals += 1;
                }
            }
            (Pending::Confirm(progress), _) => {
                self.tally.confirmations += 1;
                self.process(replica).machine.end_confirm(progress);
                self.look(replica);
            }
            (Pending::Reap, Told::Registry(registry)) => {
                let own = self.process(replica).id;
                let steps = self.process(replica).reaper.observe(&registry, own, clock);
                let removals = steps.retire.into_iter().map(Removal::Retire);
                let removals = removals.chain(steps.forget.into_iter().map(Removal::Forget)).collect();
                self.process(replica).removals = removals;
                self.remove(replica);
            }
            (Pending::Retire(gone), Told::Done(retired)) => {
                if retired {
                    self.tally.retired += 1;
                    self.process(replica).reaper.retired(&gone, clock);
                    if self.shell == Some(ShellBug::ForgottenAtOnce) {
                        self.process(replica).removals.push_back(Removal::Forget(gone));
                    }
                }
                self.remove(replica);
            }
            (Pending::Forget, Told::Done(forgotten)) => {
                self.tally.forgotten += u64::from(forgotten);
                self.remove(replica);
            }
            _ => self.process(replica).following = false,
        }
    }

    /// A mistake that is made on purpose: confirms what a poll tells, and only then, or later, obeys it.
    fn confirmed_first(
        &mut self,
        replica: usize,
        number: u64,
        sent: &crate::machine::SentPoll,
        told: Told,
    ) -> Option<Told> {
        let Told::Poll(capykeys_domain::ports::Poll::Changes { position, .. }) = &told else {
            return Some(told);
        };
        if self.shell != Some(ShellBug::ConfirmedBeforeApplying) || !self.early.insert(number) {
            return Some(told);
        }
        let (progress, line) = ((*position).into(), self.process(replica).newest.epoch());
        let pending = Pending::Poll(sent.clone());
        self.process(replica).pending.insert(number, (pending, line));
        self.send(replica, Request::Confirm(progress), Pending::Confirm(progress), 1_000_000);
        let reply = Reply { line: line?, recovering: false, told };
        let later = self.rng.between(0, 80_000);
        self.at(replica, later, Step::Answered(number, Box::new(reply)));
        None
    }

    fn polled(&mut self, replica: usize, polled: Polled) {
        match polled {
            Polled::Behind => {
                self.tally.incomplete += 1;
                return self.poll(replica);
            }
            Polled::Unregistered => {
                return self.register(replica, true);
            }
            Polled::Restarted => self.tally.restarts += 1,
            Polled::Current | Polled::Ignored => {}
        }
        let clock = self.clock(replica);
        match self.process(replica).machine.confirmable(clock) {
            Some(progress) => self.follow(replica, Request::Confirm(progress), Pending::Confirm(progress)),
            None => self.look(replica),
        }
    }

    fn register(&mut self, replica: usize, anew: bool) {
        let clock = self.clock(replica);
        let (lease, deadline) = (self.process(replica).lease, micros(self.process(replica).renewal));
        self.send(replica, Request::Register(lease), Pending::Register(clock, anew), deadline);
    }

    /// Beside the polls, and at any time.
    pub(super) fn renew(&mut self, replica: usize) {
        let interval = micros(self.process(replica).renewal);
        let next = interval / 2 + self.rng.between(0, interval);
        self.at(replica, next, Step::Renew);
        if self.process(replica).machine.registered_until() > BootTime::START {
            self.register(replica, false);
        }
    }

    fn look(&mut self, replica: usize) {
        let clock = self.clock(replica);
        let process = self.process(replica);
        if clock.since(process.looked) >= process.look {
            process.looked = clock;
            self.follow(replica, Request::Registry, Pending::Reap);
        } else {
            self.process(replica).following = false;
        }
    }

    fn remove(&mut self, replica: usize) {
        match self.process(replica).removals.pop_front() {
            Some(Removal::Retire(gone)) => {
                self.follow(replica, Request::Retire(gone.id, gone.renewals), Pending::Retire(gone));
            }
            Some(Removal::Forget(gone)) => {
                self.follow(replica, Request::Forget(gone.id, gone.renewals), Pending::Forget);
            }
            None => self.process(replica).following = false,
        }
    }

    pub(super) fn start(&mut self, replica: usize) {
        let number = self.number();
        let clock = self.clock(replica);
        let process = super::Process::new(number, clock, &mut self.rng);
        let host = &mut self.replicas[replica];
        host.process = Some(process);
        host.incarnation += 1;
        let first = self.rng.between(0, 40_000);
        self.at(replica, first, Step::Tick);
        self.at(replica, first, Step::Ask);
        self.at(replica, first, Step::Renew);
        let crash = self.rng.between(200_000, 9_000_000);
        self.at(replica, crash, Step::Crash);
    }

    pub(super) fn crash(&mut self, replica: usize) {
        self.tally.crashes += 1;
        self.replicas[replica].process = None;
        let away = self.rng.between(10_000, 1_500_000);
        self.later(away, Event::Start(replica));
    }
}
