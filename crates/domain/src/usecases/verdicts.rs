//! Who is who, and what they are good for.

use alloc::sync::Arc;
use core::time::Duration;

use super::{Environment, Sessions};
use crate::{
    policy::{Rejection, Requirement},
    ports::{FoundKey, KeyResolver, KeyUse, Readiness, Unavailable, Uses},
    secret::{KeyTexts, PlaintextKey},
};

/// Verdicts on credentials: nothing here changes a key.
pub struct Verdicts {
    pub(super) environment: Arc<Environment>,
    pub(super) keys: Arc<dyn KeyResolver>,
    pub(super) uses: Arc<dyn Uses>,
    readiness: Arc<dyn Readiness>,
    pub(super) sessions: Option<Sessions>,
}

impl Verdicts {
    /// On the keys that `keys` finds; `uses` is told of each that is good. Without `sessions`, all are
    /// refused.
    #[must_use]
    pub const fn new(
        environment: Arc<Environment>,
        keys: Arc<dyn KeyResolver>,
        uses: Arc<dyn Uses>,
        readiness: Arc<dyn Readiness>,
        sessions: Option<Sessions>,
    ) -> Self {
        Self { environment, keys, uses, readiness, sessions }
    }

    /// The time by which verdicts are given, how keys look, and which scopes there are.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Which texts can be keys right now.
    #[must_use]
    pub fn texts(&self) -> KeyTexts<'_> {
        KeyTexts { format: self.environment.format(), brought: self.keys.may_know_brought() }
    }

    /// Whether verdicts can be given right now.
    ///
    /// # Errors
    /// [`Unavailable`] where something that they need is not there.
    pub async fn ready(&self) -> Result<(), Unavailable> {
        self.environment.peppers_are_right()?;
        self.readiness.check_readiness().await
    }

    /// Is the key good for what is required? `None` is a text that can be no key: it is not asked for,
    /// and never found. The caller says for how long it would act on the verdict (`keep`, zero where
    /// it asks each time): changes of the key are acknowledged only when that time is over.
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be asked and did not answer: never a wrong verdict.
    pub async fn verify(
        &self,
        key: Option<&PlaintextKey>,
        requirement: &Requirement,
        keep: Duration,
    ) -> Result<Verification, Unavailable> {
        let Some(key) = key else {
            let verdict = Err(Rejection::NotFound);
            return Ok(Verification {
                verdict,
                with_previous: false,
                expires_in: None,
                reliable_for: Duration::ZERO,
            });
        };
        let (resolved, with_previous) = self.resolve(key, keep).await?;
        let now = self.environment.now();
        let verdict = resolved.found.ok_or(Rejection::NotFound).and_then(|found| {
            requirement.check(&found.key, &found.organization, self.environment.scopes(), now)?;
            self.uses.used(KeyUse { key: found.key.id, at: now, with_previous });
            Ok(found)
        });
        let expiry = verdict.as_ref().ok().and_then(|found| found.key.expires_at);
        let expires_in = expiry.map(|expiry| expiry.since(now));
        // A key that is made here cannot be asked for before it is there; one of elsewhere can.
        let may_come = key.is_brought() && matches!(verdict, Err(Rejection::NotFound));
        let until_expiry = expires_in.unwrap_or(Duration::MAX);
        let reliable_for = if may_come { Duration::ZERO } else { resolved.reliable_for.min(until_expiry) };
        Ok(Verification { verdict, with_previous, expires_in, reliable_for })
    }

    /// The key with this secret, whatever its state, and whether that is the secret before its present one: then it ends
    /// with the grace of that. It is no use of it.
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be asked and did not answer, or where the peppers are not known to be
    /// those that its keys need.
    pub async fn find(&self, secret: &PlaintextKey) -> Result<Option<(Arc<FoundKey>, bool)>, Unavailable> {
        let (resolved, with_previous) = self.resolve(secret, Duration::ZERO).await?;
        Ok(resolved.found.map(|found| (found, with_previous)))
    }
}

/// A verdict on a key.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The key where it is good for what is required, else why not.
    pub verdict: Result<Arc<FoundKey>, Rejection>,
    /// Whether it was asked for with the secret before the key's present one.
    pub with_previous: bool,
    /// For how long from now on it is good, where it is and ends.
    pub expires_in: Option<Duration>,
    /// For this long from now on the verdict may be relied on: no revocation that was acknowledged
    /// can be missing from it, and the key does not expire. Never longer than was asked for.
    pub reliable_for: Duration,
}
