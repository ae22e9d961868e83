//! Revoking a key.

use super::{Management, done};
use crate::{
    model::{AuditAction, RequestContext},
    policy::{Permit, RevokeKey},
    ports::{self, Change, Revocation, Unavailable},
};

/// Why nothing was revoked.
#[derive(Debug, thiserror::Error)]
pub enum RevokeKeyError {
    /// The organization has no such key.
    #[error("There is no such API key.")]
    NoSuchKey,
    /// The store did not do its work.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Management {
    /// Revokes the permit's key, and comes back when no replica accepts it any more. One that is
    /// revoked already stays as it is; an earlier call may still be waiting, so this one waits too.
    ///
    /// # Errors
    /// [`RevokeKeyError`].
    pub async fn revoke_key(
        &self,
        permit: &Permit<RevokeKey>,
        context: &RequestContext,
    ) -> Result<Revocation, RevokeKeyError> {
        let id = permit.action().0.ok_or(RevokeKeyError::NoSuchKey)?;
        let (organization, now) = (permit.organization_id(), self.environment.now());
        let event = done(AuditAction::RevokeKey, now, permit.actor(), organization, Some(id), context);
        let revocation = self.keys.revoke_key(ports::RevokeKey { organization, id, at: now, event }).await?;
        let revocation = revocation.ok_or(RevokeKeyError::NoSuchKey)?;
        self.replicas.until_obeyed(Change::Key(id)).await;
        Ok(revocation)
    }
}
