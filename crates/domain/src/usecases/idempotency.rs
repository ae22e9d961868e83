//! Requests that are sent again because their answer was lost.

use super::{CreatedKey, Environment, Management, environment::unknown_peppers};
use crate::{
    model::KeyState,
    ports::{Repeated, Unavailable},
    secret::{IdempotencyRecord, IdempotentRequest, PlaintextKey, Underivable},
};

/// Why a request that was sent before is not answered as it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRepeated {
    /// It is being done; nobody knows yet what comes of it.
    #[error("A request with this idempotency key is still running.")]
    Running,
    /// It asked for something else then.
    #[error("The idempotency key was used with another body.")]
    AnotherRequest,
    /// A secret that is good for nothing would be told as a new one.
    #[error("The API key that was made with this idempotency key is revoked.")]
    Revoked,
    /// The same.
    #[error("The API key that was made with this idempotency key has expired.")]
    Expired,
    /// The secret that the client would be told is not the key's, or will not be for long.
    #[error("The API key that was made with this idempotency key has another secret by now.")]
    Replaced,
    /// The pepper is gone that it would be derived of.
    #[error("The secret that was made with this idempotency key cannot be told again.")]
    Underivable,
}

impl From<Underivable> for NotRepeated {
    fn from(reason: Underivable) -> Self {
        match reason {
            Underivable::AnotherRequest => Self::AnotherRequest,
            Underivable::NoPepper => Self::Underivable,
        }
    }
}

impl Environment {
    /// A new key's secret, and what is stored besides where it is to be told again.
    pub(super) fn secret_for(
        &self,
        request: Option<&IdempotentRequest<'_>>,
    ) -> Result<(PlaintextKey, Option<IdempotencyRecord>), Unavailable> {
        let Some(request) = request else { return Ok((self.mint()?, None)) };
        let record = self.peppers.record(request, self.random()?).ok_or_else(unknown_peppers)?;
        let secret = self.peppers.derive(request, &record, self.format()).map_err(|_| unknown_peppers())?;
        Ok((secret, Some(record)))
    }
}

impl Management {
    /// What was answered to the request before, where the secret is still the key's. It is derived again and compared with
    /// the digest that the key has now, so that a wrong one is never told, whatever has changed since.
    pub(super) fn repeat(
        &self,
        request: Option<&IdempotentRequest<'_>>,
        before: Repeated,
    ) -> Result<CreatedKey, NotRepeated> {
        let Repeated { record, answered, present } = before;
        let (environment, request) = (&self.environment, request.ok_or(NotRepeated::Underivable)?);
        let plaintext = environment.peppers.derive(request, &record, environment.format())?;
        match present.key.state(environment.now()) {
            KeyState::Revoked => return Err(NotRepeated::Revoked),
            KeyState::Expired => return Err(NotRepeated::Expired),
            KeyState::Active | KeyState::Disabled => {}
        }
        if !environment.peppers.candidates(&plaintext).contains(&present.digest) {
            return Err(NotRepeated::Replaced);
        }
        Ok(CreatedKey { key: answered, plaintext })
    }
}
