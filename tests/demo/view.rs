//! What is seen of the demo: on a terminal in its last lines, over and over; elsewhere line by line.

use std::{
    collections::BTreeMap,
    fmt::{Display, Write as _},
    io::{IsTerminal, Write, stdout},
    time::{Duration, Instant},
};

use tokio::time::sleep_until;

use crate::load::Report;

pub(crate) struct View {
    is_terminal: bool,
    begun: Instant,
    /// What was shown last, and when.
    last: Option<(Instant, Report)>,
    /// How many of the lines above are written anew.
    drawn: usize,
}

impl View {
    pub(crate) fn new() -> Self {
        Self { is_terminal: stdout().is_terminal(), begun: Instant::now(), last: None, drawn: 0 }
    }

    /// Lines that stay. A terminal may be gone meanwhile.
    pub(crate) fn say(lines: impl IntoIterator<Item: Display>) {
        let mut text = String::new();
        for line in lines {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        }
        let _ = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
    }

    /// Waits until it is time to show something.
    pub(crate) async fn tick(&self) {
        let period = Duration::from_secs(if self.is_terminal { 1 } else { 3 });
        let last = self.last.as_ref().map_or(self.begun, |(at, _)| *at);
        sleep_until((last + period).into()).await;
    }

    pub(crate) fn show(&mut self, report: &Report) {
        let now = Instant::now();
        if let Some((at, before)) = &self.last {
            let lines = lines(self.begun.elapsed(), now - *at, before, report);
            if self.is_terminal {
                // Over the lines of before, and none of them in two.
                let up = if self.drawn > 0 { format!("\x1b[{}A\r", self.drawn) } else { String::new() };
                self.drawn = lines.len();
                let text = lines.map(|line| format!("{line}\x1b[K")).join("\n");
                Self::say([format!("\x1b[?7l{up}{text}\x1b[?7h")]);
            } else {
                Self::say(lines);
            }
        }
        self.last = Some((now, report.clone()));
    }
}

fn lines(up: Duration, between: Duration, before: &Report, now: &Report) -> [String; 6] {
    let verdicts = [0, 1].map(|server| {
        let rates = rates(between, &before.servers[server].verdicts, &now.servers[server].verdicts, |n| *n);
        format!("verdicts/s  server {}: {rates}", server + 1)
    });
    let [one, two] = verdicts;
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let gateway = rates(between, &before.gateway, &now.gateway, |count| *count as f64);
    [
        format!("— {} s; Ctrl-C ends it —", up.as_secs()),
        one,
        two,
        format!("gateway/s   {gateway}"),
        revocations(now),
        format!("lease left  {}; not answered: {}", leases(now), now.failures),
    ]
}

fn rates<K: Ord + Display, V>(
    between: Duration,
    before: &BTreeMap<K, V>,
    now: &BTreeMap<K, V>,
    count: impl Fn(&V) -> f64,
) -> String {
    let rate = |(name, value): (&K, &V)| {
        let more = count(value) - before.get(name).map_or(0.0, &count);
        format!("{name} {:.0}", more / between.as_secs_f64())
    };
    let seen = now.iter().filter(|(_, value)| count(value) > 0.0);
    seen.map(rate).collect::<Vec<_>>().join(", ")
}

fn revocations(report: &Report) -> String {
    let mut took = report.revocations.clone();
    let last = took.last().copied().unwrap_or_default();
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied().unwrap_or_default();
    let slowest = took.last().copied().unwrap_or_default();
    format!(
        "revocations {}; refused by both servers after {} ms (last), {} ms (median), {} ms (slowest); \
         accepted after DELETE was answered: {}",
        took.len(),
        last.as_millis(),
        median.as_millis(),
        slowest.as_millis(),
        report.late,
    )
}

fn leases(report: &Report) -> String {
    let shown = report.servers.each_ref().map(|server| match (server.lease, server.keys) {
        (Some(lease), Some(keys)) => format!("{:.0} ms ({keys} keys remembered)", lease * 1000.0),
        _ => "?".to_owned(),
    });
    shown.join(", ")
}
