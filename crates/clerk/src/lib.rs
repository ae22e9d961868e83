//! Clerk session tokens: the adapter behind the [`SessionVerifier`] port.
//!
//! [`ClerkVerifier`] turns a bearer token into a [`Session`], or refuses it. A library checks the
//! RS256 signature; every other rule is here, where it can be read: the form of the token
//! (`token`), its header, its claims, and whose keys it must be signed with (`keys`).
//!
//! [`SessionVerifier`]: capykeys_domain::ports::SessionVerifier
//! [`Session`]: capykeys_domain::model::Session

mod instance;
mod json;
mod keys;
mod refusal;
mod settings;
mod token;
mod verifier;

pub use keys::{FetchError, FetchJwks, HttpFetcher, MAX_JWKS_BYTES};
pub use refusal::Refusal;
pub use reqwest::Url;
pub use settings::{ClerkSettings, InstanceSettings, KeySource, SettingsError};
pub use verifier::ClerkVerifier;
