//! Signed tokens (JWT, RFC 7519) and the keys that their issuers publish (JWKS, RFC 7517).
//!
//! A library for the adapters that verify tokens. What is the same for every kind of token is here: how one
//! is taken apart and what its header may hold ([`UnverifiedToken`]), when it is valid ([`Times`]) and for
//! whom ([`check_audience`]), how keys are fetched, kept and renewed, and whether one of them has signed it
//! ([`IssuerKeys`]). The adapters say what else a token must hold, and name the reasons of a refusal.

mod algorithm;
mod audience;
mod cache;
mod error;
mod fetch;
mod http;
mod issuer;
mod json;
mod key;
mod measures;
mod set;
mod source;
mod times;
mod token;

pub use algorithm::Algorithm;
pub use audience::check_audience;
pub use cache::Environment;
pub use error::TokenError;
pub use fetch::{FETCH_JWKS, FetchError, FetchJwks, MAX_JWKS_BYTES};
pub use http::{HttpFetcher, HttpFetcherError, HttpOptions};
pub use issuer::IssuerKeys;
pub use json::Object;
pub use reqwest::Url;
pub use source::{PublicKeySource, PublicKeySourceError, is_trustworthy, shown};
pub use times::Times;
pub use token::{MAX_TOKEN_BYTES, TokenFormat, UnverifiedToken};
