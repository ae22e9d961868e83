//! Revoking a key.

use super::{KeyError, Management, done};
use crate::{
    model::{AuditAction, RequestContext},
    policy::{Permit, RevokeKey},
    ports::{self, Change, Revocation},
};

impl Management {
    /// Revokes the permit's key, and comes back when no replica accepts it any more. One that is
    /// revoked already stays as it is; an earlier call may still be waiting, so this one waits too.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn revoke_key(
        &self,
        permit: &Permit<RevokeKey>,
        context: &RequestContext,
    ) -> Result<Revocation, KeyError> {
        let id = permit.action().0.ok_or(KeyError::NoSuchKey)?;
        let (organization, now) = (permit.organization_id(), self.environment.now());
        let event = done(AuditAction::RevokeKey, now, permit.actor(), organization, Some(id), context);
        let revocation = self.keys.revoke_key(ports::RevokeKey { organization, id, at: now, event }).await?;
        let revocation = revocation.ok_or(KeyError::NoSuchKey)?;
        self.replicas.until_obeyed(Change::Key(id)).await;
        Ok(revocation)
    }
}
