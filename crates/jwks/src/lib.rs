//! Signed tokens (JWT, RFC 7519) and the keys that their issuers publish (JWKS, RFC 7517).
//!
//! A library for the adapters that verify tokens: they say what a token must hold; this says how
//! it is taken apart ([`Compact`], [`Object`]), how keys are fetched, kept and renewed ([`Keys`]),
//! and whether one of them has signed it.

mod cache;
mod fetch;
mod http;
mod issuer;
mod json;
mod key;
mod set;
mod source;
mod times;
mod token;

pub use cache::Environment;
pub use fetch::{FetchError, FetchJwks, MAX_JWKS_BYTES};
pub use http::{HttpFetcher, HttpFetcherError, HttpOptions};
pub use issuer::{Keys, SignatureError};
pub use json::{Object, is_for};
pub use key::Algorithm;
pub use reqwest::Url;
pub use source::{KeySource, KeySourceError, is_trustworthy, shown};
pub use times::{Times, TimesError};
pub use token::Compact;
