//! Clerk session tokens: the adapter behind the [`SessionVerifier`] port.
//!
//! [`ClerkVerifier`] turns a bearer token into a [`Session`], or refuses it. `capykeys-jwks` checks what is
//! the same for every kind of token: its form, its header, its times, and its RS256 signature by the keys
//! that it fetches. What makes a token one of a Clerk session is here: its category, its claims, and which
//! instance's keys it must be signed with.
//!
//! [`SessionVerifier`]: capykeys_domain::ports::SessionVerifier
//! [`Session`]: capykeys_domain::model::Session

mod category;
mod claims;
mod organization;
mod refusal;
mod settings;
mod verifier;

pub use capykeys_jwks::{
    FetchError, FetchJwks, HttpFetcher, HttpFetcherError, HttpOptions, MAX_JWKS_BYTES, PublicKeySource,
    SettingsError, TokenError, TokenIssuer, TokenVerifier, Url, shown,
};
pub use refusal::Refusal;
pub use settings::InstanceSettings;
pub use verifier::ClerkVerifier;
