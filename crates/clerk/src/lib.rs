//! Clerk session tokens: the adapter behind the [`SessionVerifier`] port.
//!
//! [`ClerkVerifier`] turns a bearer token into a [`Session`], or refuses it. `capykeys-jwks` fetches
//! the keys and checks the RS256 signature; every other rule is here, where it can be read: the
//! token's header and its claims (`token`), and whose keys it must be signed with (`instance`).
//!
//! [`SessionVerifier`]: capykeys_domain::ports::SessionVerifier
//! [`Session`]: capykeys_domain::model::Session

mod instance;
mod refusal;
mod settings;
mod token;
mod verifier;

pub use capykeys_jwks::{FetchError, FetchJwks, HttpFetcher, KeySource, MAX_JWKS_BYTES, Url, shown};
pub use refusal::Refusal;
pub use settings::{ClerkSettings, InstanceSettings, SettingsError};
pub use verifier::ClerkVerifier;
