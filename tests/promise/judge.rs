//! Was the promise kept?

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use capykeys_tests::verification::Verdict;

use crate::{driver::Sample, revoker::Revocation, settings::BACK_WITHIN};

/// So many violations are told in full.
const TOLD: usize = 20;

/// What was seen in one scenario.
#[derive(Default)]
pub(crate) struct Judge {
    /// The code with which the keys are to be refused.
    code: &'static str,
    /// L, as it is promised for the replica that is asked.
    lease: Duration,
    revocations: usize,
    asked: usize,
    /// Neither accepted nor refused: 503.
    unavailable: usize,
    /// Neither accepted nor refused: no answer.
    silent: usize,
    /// Asked after DELETE had answered.
    asked_after_answer: usize,
    accepted_after_answer: usize,
    accepted_after_lease: usize,
    /// Accepted for longer than the promise allows to rely on it.
    relied_on_too_long: usize,
    /// From the commit to the answer to DELETE.
    answered_after: Vec<Duration>,
    /// From the commit to the first refusal that no acceptance follows.
    refused_after: Vec<Duration>,
    /// From the commit to when the last question that was accepted was sent.
    accepted_until: Vec<Duration>,
    /// How long verification took to be back.
    back_after: Vec<Duration>,
    violations: Vec<String>,
}

impl Judge {
    /// Nothing was seen yet of keys that are to be refused with this code by a replica with this lease.
    pub(crate) fn new(code: &'static str, lease: Duration) -> Self {
        Self { code, lease, ..Self::default() }
    }

    /// Judges what was seen of one key; `context` says how to see it again.
    pub(crate) fn judge(&mut self, context: &str, revocation: &Revocation, samples: &[&Sample]) {
        self.revocations += 1;
        self.asked += samples.len();
        for sample in samples {
            self.judge_one(context, revocation, sample);
        }
        let committed = revocation.commit.noted;
        self.answered_after.push(revocation.answered.saturating_duration_since(committed));
        let last = samples.iter().filter(|sample| sample.is_accepted()).map(|sample| sample.sent).max();
        let refusals = samples.iter().filter(|sample| sample.is_refused());
        let refused = refusals.filter(|sample| Some(sample.sent) > last).map(|sample| sample.came).min();
        let refused = refused.unwrap_or_else(|| panic!("{context}: the key was never refused"));
        self.refused_after.push(refused.saturating_duration_since(committed));
        self.accepted_until
            .push(last.map_or(Duration::ZERO, |last| last.saturating_duration_since(committed)));
    }

    fn judge_one(&mut self, context: &str, revocation: &Revocation, sample: &Sample) {
        let (sent, answered) = (sample.sent, revocation.answered);
        let too_late = revocation.commit.visible_by + self.lease;
        self.asked_after_answer += usize::from(sent > answered);
        match &sample.verdict {
            None => self.silent += 1,
            Some(Verdict::Unavailable) => self.unavailable += 1,
            Some(Verdict::Refused(code)) if code == self.code => {}
            Some(Verdict::Accepted { max_age }) => {
                let counts = [
                    ("after DELETE had answered", sent > answered, &mut self.accepted_after_answer),
                    ("later than L after the commit", sent > too_late, &mut self.accepted_after_lease),
                    ("for too long", sent + *max_age > too_late.min(answered), &mut self.relied_on_too_long),
                ];
                for (what, violated, count) in counts {
                    if violated {
                        *count += 1;
                        self.violations.push(describe(what, context, revocation, sample));
                    }
                }
            }
            Some(other) => self.violations.push(format!("{context}: {other:?}")),
        }
    }

    /// Notes how long it took until a key was accepted again, and how much of that the machine was so
    /// busy that it is nobody's fault.
    pub(crate) fn back_after(&mut self, context: &str, took: Duration, busy: Duration) {
        self.back_after.push(took);
        if took > BACK_WITHIN + busy {
            self.violations.push(format!("{context}: verification was back after {took:?}, busy {busy:?}"));
        }
    }

    /// The 99th percentile of the time from the commit to the refusal.
    pub(crate) fn p99(&self) -> Duration {
        percentile(&self.refused_after, 99)
    }

    /// How many verifications were accepted after DELETE had answered, later than L after the commit,
    /// and for too long.
    pub(crate) const fn violations(&self) -> [usize; 3] {
        [self.accepted_after_answer, self.accepted_after_lease, self.relied_on_too_long]
    }

    /// Prints the figures, and fails where the promise was broken.
    #[track_caller]
    pub(crate) fn conclude(&self, scenario: &str) {
        let mut row = String::new();
        let columns = [
            scenario.to_owned(),
            self.revocations.to_string(),
            self.asked.to_string(),
            self.asked_after_answer.to_string(),
            self.accepted_after_answer.to_string(),
            self.accepted_after_lease.to_string(),
            self.relied_on_too_long.to_string(),
            milliseconds(percentile(&self.refused_after, 50)),
            milliseconds(self.p99()),
            milliseconds(percentile(&self.refused_after, 100)),
            milliseconds(percentile(&self.accepted_until, 100)),
            milliseconds(percentile(&self.answered_after, 50)),
            milliseconds(percentile(&self.answered_after, 100)),
            self.unavailable.to_string(),
            self.silent.to_string(),
            self.back_after.iter().max().map_or_else(|| "–".to_owned(), |&took| milliseconds(took)),
        ];
        for column in columns {
            let _ = write!(row, "| {column} ");
        }
        println!("promise: {row}|");
        assert!(self.asked_after_answer > 0, "{scenario}: nothing was asked after DELETE had answered");
        let told = &self.violations[..self.violations.len().min(TOLD)];
        let count = self.violations.len();
        assert!(count == 0, "{scenario}: {count} violations, such as\n{}", told.join("\n"));
    }
}

fn describe(what: &str, context: &str, revocation: &Revocation, sample: &Sample) -> String {
    let since_commit = |at: Instant| match at.checked_duration_since(revocation.commit.visible_by) {
        Some(after) => format!("+{} ms", milliseconds(after)),
        None => format!("-{} ms", milliseconds(revocation.commit.visible_by.duration_since(at))),
    };
    format!(
        "{context}: accepted {what}: asked {}, told {} ({:?}), DELETE sent {} and answered {}, commit noted {}, \
         all since the commit was seen",
        since_commit(sample.sent),
        since_commit(sample.came),
        sample.verdict,
        since_commit(revocation.sent),
        since_commit(revocation.answered),
        since_commit(revocation.commit.noted),
    )
}

pub(crate) fn percentile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default()
}

pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1_000.0)
}
