//! Session tokens.

use alloc::{boxed::Box, vec::Vec};

use async_trait::async_trait;

use super::BearerTokenError;
use crate::{model::Session, secret::BearerToken};

/// Verifies session tokens.
#[async_trait]
pub trait SessionVerifier: Send + Sync {
    /// The session that `token` stands for.
    ///
    /// # Errors
    /// [`BearerTokenError::Refused`] for every token that is not beyond doubt,
    /// [`BearerTokenError::Unavailable`] where that cannot be known right now.
    async fn verify_session(&self, token: &BearerToken) -> Result<Session, BearerTokenError>;
}

/// A [`SessionVerifier`] that stands beside others, each for issuers of its own.
pub trait IssuerVerifier: SessionVerifier {
    /// Whether `token` names an issuer of this verifier's: says who is to be asked about it, and is not to be
    /// believed.
    fn recognizes(&self, token: &BearerToken) -> bool;

    /// Starts to fetch what tokens are checked with and comes back at once.
    fn warm_up(&self);

    /// How many tokens were refused since the start, for each reason there is, in the words of
    /// [`BearerTokenError::Refused`]: for a metric.
    fn refusals(&self) -> Vec<(&'static str, u64)>;
}
