//! What can happen next, and what it does.

use capykeys_conformance::fixtures;
use capykeys_domain::ports::{FeedProgress, NewestEpoch, Poll, Registry, ReplicaId};

use super::{
    ShellBug,
    server::{Registered, line},
    world::*,
};
use crate::{acknowledgement::Acknowledgement, machine::Polled};

impl World {
    pub(super) fn actions(&self) -> Vec<Action> {
        let mut actions = vec![Action::Tick];
        for (key, made) in self.made.iter().enumerate() {
            match made {
                None => actions.push(Action::Commit(key)),
                Some(made) if made.acknowledged => {}
                Some(made) if self.fast_clock() >= made.acknowledgement.latest() => {
                    actions.push(Action::Acknowledge(key));
                }
                Some(_) => {}
            }
        }
        if self.made.iter().flatten().any(|made| !made.acknowledged) {
            actions.push(Action::ReadRegistry);
        }
        if self.bounds.removals && !self.server.replicas.is_empty() {
            actions.push(Action::Reap);
        }
        if self.failovers < self.bounds.failovers {
            actions.extend([false, true].map(|loses| Action::Failover { loses }));
        }
        for (number, replica) in self.replicas.iter().enumerate() {
            self.actions_of(number, replica, &mut actions);
        }
        actions
    }

    fn actions_of(&self, number: usize, replica: &Replica, actions: &mut Vec<Action>) {
        if self.restarts < self.bounds.restarts {
            actions.push(Action::Restart(number));
        }
        // One that is under way is given up for it.
        actions.push(Action::BeginPoll { replica: number, elsewhere: false });
        let elsewhere = self.hears_of_replaced(replica);
        if elsewhere {
            actions.push(Action::BeginPoll { replica: number, elsewhere });
        }
        if let Some(poll) = &replica.poll {
            if poll.told.is_some() {
                actions.push(Action::EndPoll(number));
            } else if self.server(&poll.asked, poll.line).is_some() {
                actions.push(Action::AnswerPoll(number));
            }
        }
        match replica.write {
            Some(Write::Register { committed: true, .. }) => actions.push(Action::EndWrite(number)),
            Some(_) => actions.push(Action::Write(number)),
            None => self.writes_of(number, replica, actions),
        }
        for key in 0..self.bounds.changes {
            for keeps in [false, true].into_iter().take(1 + usize::from(self.bounds.keeping)) {
                actions.push(Action::Ask { replica: number, key, keeps, elsewhere: false });
                if elsewhere {
                    actions.push(Action::Ask { replica: number, key, keeps, elsewhere });
                }
            }
        }
        match &replica.read {
            Some(read) if read.found.is_some() => actions.push(Action::EndRead(number)),
            Some(read) if self.server(&read.asked, read.line).is_some() => {
                actions.push(Action::AnswerRead(number));
            }
            _ => {}
        }
    }

    fn writes_of(&self, number: usize, replica: &Replica, actions: &mut Vec<Action>) {
        if self.may_acknowledge() && replica.machine.confirmable(self.clock()).is_some() {
            actions.push(Action::Confirm(number));
        }
        // At any time, also where it has run out.
        if replica.machine.registered_until().since(self.clock()) < TICK * self.bounds.registration {
            actions.push(Action::Renew { replica: number, elsewhere: false });
            // Nothing that is sent there comes back.
            if self.replaced.is_some() && self.shell == Some(ShellBug::CancelledWaitTaken) {
                actions.push(Action::Renew { replica: number, elsewhere: true });
            }
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        let clock = self.clock();
        match action {
            Action::Tick => self.now += 1,
            Action::Commit(key) => self.commit(key),
            Action::ReadRegistry => {
                let (registry, since) = (self.server.registry(self.shell), self.since());
                for made in self.made.iter_mut().flatten().filter(|made| !made.acknowledged) {
                    made.acknowledgement.told(&registry, since);
                }
            }
            Action::Acknowledge(key) => self.acknowledge(key),
            Action::Reap => self.reap(),
            Action::Failover { loses } => self.fail_over(loses),
            Action::Restart(number) => {
                self.restarts += 1;
                let (id, lease) = (self.replicas[number].id + 10, self.replicas[number].lease);
                self.replicas[number] = Replica::new(id, lease, self.bounds.registration);
            }
            Action::BeginPoll { replica, elsewhere } => {
                let line = self.server.line - i64::from(elsewhere);
                let replica = &mut self.replicas[replica];
                let (sent, asked) = (replica.machine.begin_poll(clock), replica.newest);
                replica.poll = Some(PendingPoll { sent, asked, line, told: None });
            }
            Action::Renew { replica, elsewhere } => {
                self.register(replica, self.server.line - i64::from(elsewhere), false);
            }
            Action::AnswerPoll(number) => {
                let replica = &self.replicas[number];
                let Some(poll) = &replica.poll else { return };
                let Some(server) = self.server(&poll.asked, poll.line) else { return };
                let told = match &poll.sent.position {
                    None => Poll::Diverged(server.head(replica.id, self.shell)),
                    Some(from) => server.poll(&self.keys, replica.id, from, self.shell),
                };
                if let Some(poll) = &mut self.replicas[number].poll {
                    poll.told = Some(told);
                }
            }
            Action::EndPoll(number) => self.end_poll(number),
            Action::Write(number) => self.write(number),
            Action::EndWrite(number) => self.end_write(number),
            Action::Confirm(number) => {
                let replica = &mut self.replicas[number];
                let progress = replica.machine.confirmable(clock);
                replica.write =
                    progress.map(|progress| Write::Confirm(progress.sequence.get(), line_of(&progress)));
                self.write_promptly(number);
            }
            Action::Ask { replica, key, keeps, elsewhere } => self.ask(replica, key, keeps, elsewhere),
            Action::AnswerRead(number) => self.answer_read(number),
            Action::EndRead(number) => self.end_read(number),
        }
    }

    fn commit(&mut self, key: usize) {
        let (registration, since) = (TICK * self.bounds.registration, self.since());
        let mut acknowledgement =
            Acknowledgement::new(None, self.fast_clock()).with_registrations(registration);
        match self.shell {
            Some(ShellBug::RegistryReadBeforeCommit) => {
                acknowledgement.told(&self.server.registry(self.shell), since);
            }
            Some(ShellBug::NobodyWhereUnread) => {
                let head = self.server.registry(self.shell).head;
                acknowledgement.told(&Registry { head, replicas: Vec::new() }, since);
            }
            _ => {}
        }
        self.server.revoked.push(key);
        self.made[key] = Some(Made { committed: self.now, acknowledgement, acknowledged: false });
    }

    fn reap(&mut self) {
        let (registry, now) = (self.server.registry(self.shell), self.fast_clock());
        // Whoever looks is none of the replicas.
        let steps = self.reaper.observe(&registry, ReplicaId([0xff; 16]), now);
        for gone in steps.retire {
            if let Some(replica) = self.server.replicas.get_mut(&gone.id.0[0]) {
                replica.retired = true;
                self.reaper.retired(&gone, now);
                if self.shell == Some(ShellBug::ForgottenAtOnce) {
                    self.server.replicas.remove(&gone.id.0[0]);
                }
            }
        }
        for gone in steps.forget {
            self.server.replicas.retain(|id, replica| *id != gone.id.0[0] || !replica.retired);
        }
    }

    fn fail_over(&mut self, loses: bool) {
        self.failovers += 1;
        self.began = self.now;
        self.replaced = Some(self.server.clone());
        self.server.line += 1;
        if loses && let Some(key) = self.server.revoked.pop() {
            self.made[key] = None;
            let reads = self.replicas.iter_mut().filter_map(|replica| replica.read.as_mut());
            for read in reads.filter(|read| read.key == key) {
                (read.acknowledged, read.next) = (false, read.next.map(|_| false));
            }
        }
        // What was to be written is not, and what was is told yet.
        for replica in &mut self.replicas {
            replica.write =
                replica.write.filter(|write| matches!(write, Write::Register { committed: true, .. }));
        }
    }

    fn end_poll(&mut self, number: usize) {
        let (clock, shell) = (self.clock(), self.shell);
        let replica = &mut self.replicas[number];
        let Some(poll) = replica.poll.take() else { return };
        if !admits(&mut replica.newest, &poll.asked, poll.line, shell) {
            return;
        }
        let Some(told) = &poll.told else { return };
        let polled = replica.machine.end_poll(&poll.sent, told, clock);
        let answers = poll.line == self.server.line || shell == Some(ShellBug::CancelledWaitTaken);
        if polled == Polled::Unregistered && replica.write.is_none() && answers {
            self.register(number, poll.line, true);
        }
    }

    fn register(&mut self, number: usize, line: i64, anew: bool) {
        let sent = self.clock();
        let replica = &mut self.replicas[number];
        let asked = replica.newest;
        replica.write = Some(Write::Register { sent, asked, line, anew, committed: false });
        self.write_promptly(number);
    }

    fn write_promptly(&mut self, number: usize) {
        if !self.bounds.slow_writes {
            self.write(number);
            self.end_write(number);
        }
    }

    fn write(&mut self, number: usize) {
        let replica = &mut self.replicas[number];
        let lease = TICK * replica.lease;
        match &mut replica.write {
            Some(Write::Register { line, committed, .. }) => {
                *committed = true;
                let server =
                    if *line == self.server.line { Some(&mut self.server) } else { self.replaced.as_mut() };
                let Some(server) = server else { return };
                let new = Registered { lease, confirmed: None, renewals: 0, retired: false };
                let registered = server.replicas.entry(replica.id).or_insert(new);
                registered.retired = false;
                registered.renewals += 1;
            }
            Some(Write::Confirm(sequence, line)) => {
                let (sequence, line) = (*sequence, *line);
                replica.write = None;
                if let Some(registered) = self.server.replicas.get_mut(&replica.id) {
                    registered.confirmed = Some((sequence, line));
                    registered.renewals += 1;
                }
                let (sequence, epoch) = (fixtures::sequence(sequence), super::server::line(line).id);
                replica.machine.end_confirm(FeedProgress { sequence, epoch });
            }
            None => {}
        }
    }

    fn end_write(&mut self, number: usize) {
        let (clock, shell) = (self.clock(), self.shell);
        let replica = &mut self.replicas[number];
        let Some(Write::Register { sent, asked, line, anew, .. }) = replica.write.take() else { return };
        if !admits(&mut replica.newest, &asked, line, shell) {
            return;
        }
        replica.machine.renewed(if shell == Some(ShellBug::RegisteredFromTheAnswer) { clock } else { sent });
        if anew {
            replica.machine.registered();
        }
    }
}

pub(super) fn admits(
    newest: &mut NewestEpoch,
    asked: &NewestEpoch,
    told: i64,
    bug: Option<ShellBug>,
) -> bool {
    newest.admits(asked.epoch(), line(told)) || bug == Some(ShellBug::AnyLineTaken)
}

fn line_of(progress: &FeedProgress) -> i64 {
    i64::try_from(u128::from_be_bytes(progress.epoch)).unwrap()
}
