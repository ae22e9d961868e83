//! Signed tokens (JWT, RFC 7519) and the keys that their issuers publish (JWKS, RFC 7517).
//!
//! A library for the adapters that verify tokens. What is the same for every kind of token is here: the
//! verifier itself ([`TokenVerifier`]), how a token is taken apart and what its header may hold
//! ([`UnverifiedToken`]), when it is valid ([`Times`]) and for whom ([`check_audience`]), how keys are found,
//! fetched, kept and renewed, and whether one of them has signed it. The adapters say what else a token of
//! their kind must hold ([`TokenIssuer`]), and name the reasons of a refusal ([`refusals!`]).

mod algorithm;
mod audience;
mod cache;
mod error;
mod fetch;
mod http;
mod issuer;
mod json;
mod key;
mod location;
mod measures;
mod set;
mod source;
mod times;
mod token;
mod verifier;

pub use algorithm::Algorithm;
pub use audience::check_audience;
pub use error::{TokenError, TokenRefusal};
pub use fetch::{FETCH_JWKS, FetchError, FetchJwks, MAX_JWKS_BYTES};
pub use http::{HttpFetcher, HttpFetcherError, HttpOptions};
pub use json::{Object, is_short_text};
pub use reqwest::Url;
pub use source::{PublicKeySource, PublicKeySourceError, SettingsError, is_trustworthy, shown};
pub use times::Times;
pub use token::{MAX_TOKEN_BYTES, TokenFormat, UnverifiedToken};
pub use verifier::{TokenIssuer, TokenVerifier, check_issuers};
