//! What the service says of a key.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use serde::Deserialize;

use crate::VerifyError;

/// Who has presented a key that is good.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Caller {
    /// The id of the key.
    #[serde(rename = "id")]
    pub key_id: String,
    /// The organization that it belongs to.
    pub organization_id: String,
    /// The one project that it is for, where it is for one alone.
    #[serde(default)]
    pub project_id: Option<String>,
    /// What it may be used for.
    pub scopes: Vec<String>,
}

impl Caller {
    /// Whether the key has the scope, by name or by `*`.
    #[must_use]
    pub fn grants(&self, scope: &str) -> bool {
        self.scopes.iter().any(|own| own == scope || own == "*")
    }
}

/// A time by two clocks: one stands still while the machine sleeps, the other can be set back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) measured: Instant,
    told: SystemTime,
}

impl Moment {
    pub(crate) fn now() -> Self {
        Self { measured: Instant::now(), told: SystemTime::now() }
    }

    /// The longer of what the two clocks have measured since then.
    fn elapsed(&self) -> Duration {
        self.measured.elapsed().max(self.told.elapsed().unwrap_or_default())
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    /// The caller, or why the key is not good.
    result: Result<Arc<Caller>, Arc<str>>,
    /// When the question was sent, from which its age counts: the answer may have been under way for long.
    asked: Moment,
    max_age: Duration,
}

#[derive(Deserialize)]
struct Answer {
    valid: bool,
    code: Option<String>,
    max_age_ms: u64,
    api_key: Option<Caller>,
}

impl Verdict {
    /// Reads an answer; one that says anything but what is specified is none.
    pub(crate) fn read(answer: &[u8], asked: Moment, limit: Duration) -> Option<Self> {
        let Answer { valid, code, max_age_ms, api_key } = serde_json::from_slice(answer).ok()?;
        // Whoever told no project has a key that is good for all of them: what is no name must not be taken for that.
        if api_key.as_ref().is_some_and(|caller| caller.project_id.as_deref() == Some("")) {
            return None;
        }
        let result = if valid { Ok(api_key?.into()) } else { Err(code.unwrap_or_default().into()) };
        Some(Self { result, asked, max_age: Duration::from_millis(max_age_ms).min(limit) })
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.asked.elapsed() < self.max_age
    }

    /// Whether it may be used for a request that arrived then. A question that others had asked before may be
    /// older than a revocation that was acknowledged meanwhile: then it counts only as long as one that was kept.
    pub(crate) fn holds_for(&self, arrived: Moment) -> bool {
        self.asked.measured >= arrived.measured || self.is_fresh()
    }

    pub(crate) fn result(&self) -> Result<Arc<Caller>, VerifyError> {
        self.result.clone().map_err(|code| VerifyError::Refused(code.to_string()))
    }
}
