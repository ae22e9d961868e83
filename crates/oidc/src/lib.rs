//! Tokens of any OpenID provider: a second adapter behind the [`SessionVerifier`] port.
//!
//! [`OidcVerifier`] turns an access token (RFC 9068, and the like that providers issued before it) or an ID
//! token (OpenID Connect Core 1.0) into a [`Session`], or refuses it. `capykeys-jwks` checks what is the same
//! for every kind of token. What differs from provider to provider is set: which claims name the user, the
//! organization and the roles, and what those roles are called here.
//!
//! [`SessionVerifier`]: capykeys_domain::ports::SessionVerifier
//! [`Session`]: capykeys_domain::model::Session

mod claims;
mod path;
mod refusal;
mod settings;
mod verifier;

pub use capykeys_jwks::{
    Algorithm, FetchError, FetchJwks, HttpFetcher, PublicKeySource, SettingsError, TokenError, TokenIssuer,
    TokenVerifier, Url,
};
pub use path::ClaimPath;
pub use refusal::Refusal;
pub use settings::{OrganizationSource, ProviderSettings, TokenType};
pub use verifier::OidcVerifier;
