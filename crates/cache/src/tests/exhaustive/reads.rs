//! How a replica reads a key.

use super::{actions::admits, world::*};

impl World {
    pub(super) fn ask(&mut self, number: usize, key: usize, keeps: bool, elsewhere: bool) {
        let (clock, acknowledged) = (self.clock(), self.is_acknowledged(key));
        let digest = self.keys.0[key].digest.clone();
        let replica = &mut self.replicas[number];
        let keep = keeps.then(|| clock.after(TICK * KEEP));
        let recalled = replica.machine.recall(std::slice::from_ref(&digest), keep);
        if let Some(answer) = recalled.filter(|answer| answer.remaining(clock).is_some()) {
            return self.judge(number, key, &answer, acknowledged);
        }
        let joins = clock < replica.machine.lease_until();
        match &mut replica.read {
            Some(read) if read.key == key => {
                if joins {
                    read.acknowledged |= acknowledged;
                } else {
                    read.next = Some(read.next.unwrap_or(false) || acknowledged);
                }
            }
            // One key at a time is enough: others are like it.
            Some(_) => {}
            None => {
                self.begin_read(number, key, acknowledged, elsewhere);
                if !self.bounds.slow_reads {
                    self.answer_read(number);
                    self.end_read(number);
                }
            }
        }
    }

    fn begin_read(&mut self, number: usize, key: usize, acknowledged: bool, elsewhere: bool) {
        let (clock, line) = (self.clock(), self.server.line - i64::from(elsewhere));
        let replica = &mut self.replicas[number];
        let (sent, asked) = (replica.machine.begin_read(clock), replica.newest);
        replica.read = Some(PendingRead { key, sent, asked, line, acknowledged, next: None, found: None });
    }

    pub(super) fn answer_read(&mut self, number: usize) {
        let replica = &self.replicas[number];
        let Some(read) = &replica.read else { return };
        let Some(server) = self.server(&read.asked, read.line) else { return };
        let found = server.find(&self.keys, read.key);
        if let Some(read) = &mut self.replicas[number].read {
            read.found = Some(found);
        }
    }

    pub(super) fn end_read(&mut self, number: usize) {
        let (clock, shell) = (self.clock(), self.shell);
        let replica = &mut self.replicas[number];
        let Some(read) = replica.read.take() else { return };
        // Who must not answer has not.
        if read.found.is_some() && admits(&mut replica.newest, &read.asked, read.line, shell) {
            let digest = self.keys.0[read.key].digest.clone();
            let digests = std::slice::from_ref(&digest);
            let reading = replica.machine.end_read(&read.sent, digests, read.found);
            if let Some(answer) = replica.machine.conclude(&reading, digests, None, clock) {
                self.judge(number, read.key, &answer, read.acknowledged);
            }
        } else {
            replica.machine.abandon_read(&read.sent);
        }
        if let Some(acknowledged) = read.next {
            self.begin_read(number, read.key, acknowledged, read.line != self.server.line);
        }
    }
}
