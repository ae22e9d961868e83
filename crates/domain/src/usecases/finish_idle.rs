//! Ending secrets that nobody uses any more.

use core::time::Duration;

use super::{KeyError, Management, change_key::Asked};
use crate::{
    model::RequestContext,
    policy::Permit,
    ports::{IdleRotations, Limit},
};

impl Management {
    /// Ends the previous secrets of up to `at_most` keys that were asked to end without a use, and have had none. A use that
    /// was noted within `margin` may not be stored yet, so that much longer is waited. Any number of servers may do
    /// this at once: one of them ends each.
    ///
    /// # Errors
    /// [`KeyError`] of the first for which it fails; it is tried again the next time.
    pub async fn finish_idle_rotations(
        &self,
        margin: Duration,
        at_most: Limit,
        context: &RequestContext,
    ) -> Result<(), KeyError> {
        let idle_by = self.environment.now().saturating_sub(margin);
        let idle = self.keys.find_idle_rotations(IdleRotations { at: idle_by, limit: at_most }).await?;
        for key in idle {
            let permit = Permit::to_finish_an_idle_rotation(&key);
            let (before, now) = match self.changeable(key.organization_id, key.id).await {
                Err(KeyError::NoSuchKey | KeyError::Revoked | KeyError::Expired) => continue,
                found => found?,
            };
            if before.has_an_idle_secret(idle_by) {
                let after = before.finished(now);
                let asked = Asked { before, now, by: None, secret: None, because: Some("not used") };
                self.store(&permit, asked, after, context).await?;
            }
        }
        Ok(())
    }
}
