//! Bearer tokens that prove nobody.

use super::Unavailable;

/// Why a bearer token proves nobody.
#[derive(Debug, thiserror::Error)]
pub enum BearerTokenError {
    /// The token is not good. The reason is for the log alone: callers learn only that it is not.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// The keys to check it with could not be had.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
