//! From a credential to a caller.

use alloc::sync::Arc;
use core::time::Duration;

use super::Capykeys;
use crate::{
    model::{Caller, KeyCaller, KeyState, RequestContext, SessionCaller},
    ports::{FoundKey, Rehash, ResolvedKey, SessionError, Unavailable},
    secret::{BearerToken, Credential, KeyDigest, PlaintextKey},
};

/// Why there is no caller.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticateError {
    /// The credential is not good. The reason is for the log alone: callers are told the same for
    /// every one, so that nobody learns whether a key exists.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// It cannot be known right now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<SessionError> for AuthenticateError {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::Refused(reason) => Self::Refused(reason),
            SessionError::Unavailable(unavailable) => Self::Unavailable(unavailable),
        }
    }
}

impl Capykeys {
    /// Who the credential belongs to. Where it is a key, that is a use of it. The first session of an organization's administrator may
    /// create the organization here (see [`Provisioning`](super::Provisioning)).
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
                good.inspect(|caller| self.ports.uses.used(caller.key.id, self.now())).map(Caller::Key)
            }
            Credential::Session(token) => {
                self.authenticate_session(token, context).await.map(Caller::Session)
            }
        }
    }

    async fn authenticate_key(&self, plaintext: &PlaintextKey) -> Result<KeyCaller, AuthenticateError> {
        let found = self.resolve(plaintext, Duration::ZERO).await?.found;
        let found = found.ok_or(AuthenticateError::Refused("unknown key"))?;
        match found.key.state(self.now()) {
            KeyState::Active if found.key.reaches_beyond_its_project(self.scopes()) => {
                Err(AuthenticateError::Refused("project key with a scope beyond its project"))
            }
            KeyState::Active => {
                let FoundKey { key, organization, .. } = Arc::unwrap_or_clone(found);
                Ok(KeyCaller { key, organization })
            }
            KeyState::Expired => Err(AuthenticateError::Refused("expired key")),
            KeyState::Revoked => Err(AuthenticateError::Refused("revoked key")),
        }
    }

    /// What is known of the key, for a caller that may go on acting on it for as long as `keep`. Of its
    /// scopes, those that were removed from the catalogue are left out: whoever is told of it is to grant
    /// nothing for them.
    pub(super) async fn resolve(
        &self,
        plaintext: &PlaintextKey,
        keep: Duration,
    ) -> Result<ResolvedKey, Unavailable> {
        let candidates = self.peppers.candidates(plaintext);
        let mut resolved = self.ports.resolver.resolve(&candidates, keep).await?;
        // Compared once more, in constant time: the index that found it gives no such promise.
        resolved.found = resolved.found.filter(|found| candidates.contains(&found.digest));
        if let Some(found) = &mut resolved.found
            && !self.scopes().has_all(&found.key.scopes)
        {
            let scopes = self.scopes().in_force(&found.key.scopes);
            Arc::make_mut(found).key.scopes = scopes;
        }
        match &resolved.found {
            Some(found) => self.note_outdated(found, &candidates),
            // With other peppers than the store's keys need, every key would look unknown.
            None => drop(self.peppers.minting()?),
        }
        Ok(resolved)
    }

    fn note_outdated(&self, found: &FoundKey, candidates: &[KeyDigest]) {
        if found.key.revoked_at.is_none()
            && let Some(to) = self.peppers.newer(candidates, &found.digest)
        {
            self.ports.uses.outdated(Rehash { key: found.key.id, from: found.digest.clone(), to });
        }
    }

    pub(super) async fn authenticate_session(
        &self,
        token: &BearerToken,
        context: &RequestContext,
    ) -> Result<SessionCaller, AuthenticateError> {
        let verifier = self.ports.sessions.as_ref();
        let verifier = verifier.ok_or(AuthenticateError::Refused("sessions are not configured"))?;
        let session = verifier.verify(token).await?;
        let organization = self.organization_of(&session, context).await?;
        Ok(SessionCaller { session, organization })
    }
}
