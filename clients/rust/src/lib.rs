//! Guards services with API keys that a capykeys service verifies.
//!
//! A [`Verifier`] asks the service and remembers for a moment what it said. A [`RequireKey`] is a layer of tower
//! (feature `tower`) or a middleware of actix-web (feature `actix`): it puts the [`Caller`] into the request's
//! extensions, and answers requests that it does not let through.

#[cfg(feature = "actix")]
mod actix;
mod guard;
#[cfg(feature = "tower")]
mod tower;
mod verdict;
mod verifier;

pub use guard::RequireKey;
pub use verdict::Caller;
pub use verifier::{Builder, Trace, Verifier, VerifyError};
