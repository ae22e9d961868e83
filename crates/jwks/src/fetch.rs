//! Fetching key sets.

use async_trait::async_trait;
use reqwest::Url;

/// The longest key set that is read. Clerk's have one to three keys of half a KiB each.
pub const MAX_JWKS_BYTES: usize = 64 * 1024;

/// The name of a fetch as an operation, for traces and metrics.
pub const FETCH_JWKS: &str = "fetch_jwks";

/// Why a key set could not be fetched. Holds nothing of what was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No complete answer in time.
    #[error("no answer in time")]
    Timeout,
    /// No connection: DNS, TCP or TLS.
    #[error("no connection")]
    Connect,
    /// Another status than 200. Redirects are not followed.
    #[error("answered with status {0}")]
    Status(u16),
    /// Longer than [`MAX_JWKS_BYTES`].
    #[error("answered with too much")]
    TooLarge,
    /// The token to ask with could not be read.
    #[error("the token to ask with could not be read")]
    Token,
    /// The connection broke off, or the answer was not HTTP.
    #[error("the answer broke off")]
    Interrupted,
}

/// Fetches key sets.
#[async_trait]
pub trait FetchJwks: Send + Sync {
    /// What `url` answers. Called on the runtime that the verifier was given, one call at a time
    /// for each issuer, and dropped after three seconds.
    ///
    /// # Errors
    /// [`FetchError`].
    async fn fetch(&self, url: &Url) -> Result<Vec<u8>, FetchError>;
}
