//! The keys that an instance signs its tokens with.

mod cache;
mod fetch;
mod http;
mod key;
mod set;

pub(crate) use self::{
    cache::{Environment, KeyCache},
    key::VerificationKey,
};
pub use self::{
    fetch::{FetchError, FetchJwks, MAX_JWKS_BYTES},
    http::HttpFetcher,
};
