//! From a credential to a caller.

use alloc::sync::Arc;
use core::time::Duration;

use super::Verdicts;
use crate::{
    model::{Caller, KeyCaller, KeyState, RequestContext, SessionCaller},
    ports::{FoundKey, KeyUse, Rehash, ResolvedKey, Unavailable},
    secret::{BearerToken, Credential, KeyDigest, PlaintextKey},
};

/// Why there is no caller.
pub use crate::ports::BearerTokenError as AuthenticateError;

impl Verdicts {
    /// Who the credential belongs to. Where it is a key, that is a use of it. The first session of an
    /// organization's administrator may create the organization here (see
    /// [`Provisioning`](super::Provisioning)).
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn authenticate(
        &self,
        credential: &Credential,
        context: &RequestContext,
    ) -> Result<Caller, AuthenticateError> {
        match credential {
            Credential::ApiKey(key) => {
                let good = self.authenticate_key(key).await;
                good.inspect(|caller| {
                    let (at, with_previous) = (self.environment.now(), caller.with_previous);
                    self.uses.used(KeyUse { key: caller.key.id, at, with_previous });
                })
                .map(Caller::Key)
            }
            Credential::Session(token) => {
                self.authenticate_session(token, context).await.map(Caller::Session)
            }
        }
    }

    async fn authenticate_key(&self, plaintext: &PlaintextKey) -> Result<KeyCaller, AuthenticateError> {
        let (resolved, with_previous) = self.resolve(plaintext, Duration::ZERO).await?;
        let found = resolved.found.ok_or(AuthenticateError::Refused("unknown key"))?;
        match found.key.state(self.environment.now()) {
            KeyState::Active if found.key.reaches_beyond_its_project(self.environment.scopes()) => {
                Err(AuthenticateError::Refused("project key with a scope beyond its project"))
            }
            KeyState::Active => {
                let FoundKey { key, organization, .. } = Arc::unwrap_or_clone(found);
                Ok(KeyCaller { key, organization, with_previous })
            }
            KeyState::Expired => Err(AuthenticateError::Refused("expired key")),
            KeyState::Disabled => Err(AuthenticateError::Refused("disabled key")),
            KeyState::Revoked => Err(AuthenticateError::Refused("revoked key")),
        }
    }

    /// What is known of the key, for a caller that may go on acting on it for as long as `keep`. Of its
    /// scopes, those that were removed from the catalogue are left out: whoever is told of it is to grant
    /// nothing for them. Also whether it was asked for with the secret before its present one; then it ends with the
    /// grace of that, so that nothing that goes by its end can be good for longer.
    pub(super) async fn resolve(
        &self,
        plaintext: &PlaintextKey,
        keep: Duration,
    ) -> Result<(ResolvedKey, bool), Unavailable> {
        let candidates = self.environment.peppers.candidates(plaintext);
        let mut resolved = self.keys.resolve(&candidates, keep).await?;
        // Compared once more, in constant time: the index that found it gives no such promise.
        resolved.found =
            resolved.found.filter(|found| found.is_under(&candidates) || found.was_under(&candidates));
        let with_previous = resolved.found.as_ref().is_some_and(|found| !found.is_under(&candidates));
        if let (Some(found), true) = (&mut resolved.found, with_previous) {
            let end = found.key.previous_ends_at();
            Arc::make_mut(found).key.expires_at = end;
        }
        let catalogue = self.environment.scopes();
        if let Some(found) = &mut resolved.found
            && !catalogue.has_all(&found.key.scopes)
        {
            let scopes = catalogue.in_force(&found.key.scopes);
            Arc::make_mut(found).key.scopes = scopes;
        }
        match &resolved.found {
            Some(found) if !with_previous => self.note_outdated(found, &candidates),
            Some(_) => {}
            None => self.environment.peppers_are_right()?,
        }
        Ok((resolved, with_previous))
    }

    fn note_outdated(&self, found: &FoundKey, candidates: &[KeyDigest]) {
        if found.key.revoked_at.is_none()
            && found.key.disabled.is_none()
            && let Some(to) = self.environment.peppers.newer(candidates, &found.digest)
        {
            self.uses.outdated(Rehash { key: found.key.id, from: found.digest.clone(), to });
        }
    }

    /// Who the session belongs to, as [`authenticate`](Self::authenticate) says it.
    ///
    /// # Errors
    /// [`AuthenticateError`].
    pub async fn authenticate_session(
        &self,
        token: &BearerToken,
        context: &RequestContext,
    ) -> Result<SessionCaller, AuthenticateError> {
        let sessions = self.sessions.as_ref();
        let sessions = sessions.ok_or(AuthenticateError::Refused("sessions are not configured"))?;
        sessions.sign_in(token, context).await
    }
}
