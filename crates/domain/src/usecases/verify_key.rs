//! Verifying a key for somebody who was shown it.

use alloc::sync::Arc;
use core::time::Duration;

use super::Capykeys;
use crate::{
    policy::{Rejection, Requirement},
    ports::{FoundKey, Unavailable},
    secret::PlaintextKey,
};

/// A verdict on a key.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The key where it is good for what is required, else why not.
    pub verdict: Result<Arc<FoundKey>, Rejection>,
    /// For this long from now on the verdict may be relied on: no revocation that was acknowledged
    /// can be missing from it, and the key does not expire. Never longer than was asked for.
    pub reliable_for: Duration,
}

impl Capykeys {
    /// Is the key good for what is required? `None` is a text that can be no key: it is not asked for,
    /// and never found. The caller says for how long it would act on the verdict (`keep`, zero where
    /// it asks each time): changes of the key are acknowledged only when that time is over.
    ///
    /// # Errors
    /// [`Unavailable`] where the store had to be asked and did not answer: never a wrong verdict.
    pub async fn verify_key(
        &self,
        key: Option<&PlaintextKey>,
        requirement: &Requirement,
        keep: Duration,
    ) -> Result<Verification, Unavailable> {
        let Some(key) = key else {
            return Ok(Verification { verdict: Err(Rejection::NotFound), reliable_for: Duration::ZERO });
        };
        let resolved = self.resolve(key, keep).await?;
        let now = self.now();
        let verdict = resolved.found.ok_or(Rejection::NotFound).and_then(|found| {
            requirement.check(&found, self.scopes(), now)?;
            self.ports.uses.used(found.key.id, now);
            Ok(found)
        });
        let expiry = verdict.as_ref().ok().and_then(|found| found.key.expires_at);
        let until_expiry = expiry.map_or(Duration::MAX, |expiry| expiry.since(now));
        Ok(Verification { verdict, reliable_for: resolved.reliable_for.min(until_expiry) })
    }
}
