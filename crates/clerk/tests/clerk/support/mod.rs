//! What the tests work with.

mod clock;
mod fetcher;
mod harness;
mod keys;
mod live;
mod server;
mod token;

pub(crate) use self::{
    clock::FakeClock,
    fetcher::FakeFetcher,
    harness::{Harness, ISSUER, JWKS_URL, PARTY, bearer, instance, refusal},
    keys::{SigningKey, jwks, other_key, signing_key},
    live::{Live, jwks_reply},
    server::{Reply, Server},
    token::{NOW, TokenBuilder},
};
