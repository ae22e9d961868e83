//! Session tokens.

use alloc::boxed::Box;

use async_trait::async_trait;

use super::Unavailable;
use crate::{model::Session, secret::BearerToken};

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The token is not good. The reason is for the log alone: callers learn only that it is not.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The keys to check it with could not be had.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Verifies session tokens.
#[async_trait]
pub trait SessionVerifier: Send + Sync {
    /// The session that `token` stands for.
    ///
    /// # Errors
    /// [`SessionError::Refused`] for every token that is not beyond doubt,
    /// [`SessionError::Unavailable`] where that cannot be known right now.
    async fn verify(&self, token: &BearerToken) -> Result<Session, SessionError>;
}
