//! Everything that a process says.

use std::{
    io::{BufRead, BufReader, Read},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::secrets;

/// The lines that a process has written to one of its streams so far.
#[derive(Clone, Default)]
pub struct Transcript(Arc<Shared>);

#[derive(Default)]
struct Shared {
    lines: Mutex<Lines>,
    more: Condvar,
}

#[derive(Default)]
struct Lines {
    read: Vec<String>,
    ended: bool,
    /// How many were searched for secrets already.
    searched: usize,
    leak: Option<String>,
}

impl Transcript {
    /// Reads the stream to its end, on a thread of its own.
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let writer = transcript.clone();
        thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                writer.lines().read.push(String::from_utf8_lossy(&line).into_owned());
                writer.0.more.notify_all();
            }
            writer.lines().ended = true;
            writer.0.more.notify_all();
        });
        transcript
    }

    /// What has been said so far.
    pub fn text(&self) -> String {
        self.lines().read.join("\n")
    }

    /// The first line that `wanted` makes something of, waited for until the stream ends or the
    /// time is over.
    pub fn wait_for<T>(&self, limit: Duration, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let end = Instant::now() + limit;
        let mut lines = self.lines();
        let mut seen = 0;
        loop {
            while seen < lines.read.len() {
                if let Some(found) = wanted(&lines.read[seen]) {
                    return Some(found);
                }
                seen += 1;
            }
            let left = end.saturating_duration_since(Instant::now());
            if lines.ended || left.is_zero() {
                return None;
            }
            lines = self.0.more.wait_timeout(lines, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until the process has closed the stream, and gives everything that it said.
    pub fn to_end(&self, limit: Duration) -> String {
        let _: Option<()> = self.wait_for(limit, |_| None);
        self.text()
    }

    /// The first secret in what has been said so far: its kind, and where.
    pub fn leak(&self) -> Option<String> {
        let lines = &mut *self.lines();
        while lines.leak.is_none() && lines.searched < lines.read.len() {
            let line = &lines.read[lines.searched];
            lines.leak =
                secrets::found_in(line).map(|kind| format!("{kind} in a line that begins {line:.60}"));
            lines.searched += 1;
        }
        lines.leak.clone()
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
