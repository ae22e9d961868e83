//! What the tests work with.

mod clock;
mod fetcher;
mod harness;
mod keys;
mod server;
mod token;

pub(crate) use self::{
    clock::FakeClock,
    fetcher::FakeFetcher,
    harness::{Harness, ISSUER, PARTY, bearer, instance, refusal},
    keys::{SigningKey, jwks, other_key, signing_key},
    server::{Reply, Server},
    token::{NOW, TokenBuilder},
};
