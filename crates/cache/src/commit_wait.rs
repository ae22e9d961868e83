//! Waiting until every replica has obeyed.

use std::time::Duration;

use async_trait::async_trait;
use capykeys_domain::ports::{Change, Replicas};
use tokio::time::sleep;
use tracing::Instrument;

use crate::VerificationCache;

/// What has to pass before a change that was committed may be acknowledged.
///
/// A replica acts on what was before a commit for no longer than its lease, which began before the
/// commit at the latest. So it is enough to let that much time pass; nobody has to be asked, and it
/// makes no difference whether a replica can be reached.
pub struct CommitWait {
    own: Option<VerificationCache>,
    wait: Duration,
}

impl CommitWait {
    /// For a process with a cache of its own. `wait` is [`CacheSettings::commit_wait`] where there
    /// may be other replicas, and zero where there are none or nobody is to be waited for.
    ///
    /// [`CacheSettings::commit_wait`]: crate::CacheSettings::commit_wait
    #[must_use]
    pub const fn with_own(own: VerificationCache, wait: Duration) -> Self {
        Self { own: Some(own), wait }
    }

    /// For a process that changes what others remember.
    #[must_use]
    pub const fn for_others(wait: Duration) -> Self {
        Self { own: None, wait }
    }
}

#[async_trait]
impl Replicas for CommitWait {
    async fn until_obeyed(&self, change: Change) {
        if let Some(own) = &self.own {
            own.invalidate(change);
        }
        if self.wait.is_zero() {
            return;
        }
        let milliseconds = u64::try_from(self.wait.as_millis()).unwrap_or(u64::MAX);
        // tokio's clock may stand still in suspend: then this waits for longer, never for less.
        let waiting = async {
            sleep(self.wait).await;
            tracing::debug!("every replica has obeyed");
        };
        waiting.instrument(tracing::info_span!("commit_wait", milliseconds)).await;
    }
}

#[cfg(test)]
mod tests {
    use capykeys_conformance::fixtures;
    use capykeys_domain::model::KeyId;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_change_is_acknowledged_when_the_last_lease_from_before_it_is_over() {
        let (wait, begun) = (Duration::from_micros(500_500), Instant::now());
        let change = Change::Key(KeyId::new(fixtures::at(0), [0; 8]));
        CommitWait::for_others(wait).until_obeyed(change).await;
        assert!(begun.elapsed() >= wait);
    }
}
