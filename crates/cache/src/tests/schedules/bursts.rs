//! Which task goes on.

use shuttle::scheduler::{RandomScheduler, Schedule, Scheduler, Task, TaskId};

/// One at random, at each lock and each wait. In some schedules the one that is on often stays on
/// for longer: then others stand still meanwhile, as a thread does that the system took the
/// processor from, and a mistake is met that leaves but a narrow gap.
pub(super) struct Bursts {
    random: RandomScheduler,
    eighths: u64,
}

impl Bursts {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: RandomScheduler::new_from_seed(seed, 1), eighths: seed % 8 }
    }
}

impl Scheduler for Bursts {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.random.new_execution()
    }

    fn next_task(&mut self, ready: &[&Task], current: Option<TaskId>, yields: bool) -> Option<TaskId> {
        let stays = !yields && self.random.next_u64() % 8 < self.eighths;
        let current_if_ready = current.filter(|current| ready.iter().any(|task| task.id() == *current));
        current_if_ready.filter(|_| stays).or_else(|| self.random.next_task(ready, current, yields))
    }

    fn next_u64(&mut self) -> u64 {
        self.random.next_u64()
    }
}
