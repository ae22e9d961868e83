//! What the tests work with.

mod clock;
mod fetcher;
mod harness;
mod live;
mod server;
mod tokens;

pub(crate) use capykeys_testkit::jwks;

pub(crate) use self::{
    clock::FakeClock,
    fetcher::FakeFetcher,
    harness::{Harness, ISSUER, JWKS_URL, PARTY, bearer, instance, refusal},
    live::{Live, jwks_reply},
    server::{Reply, Server},
    tokens::{NOW, good_token, good_token_of_version_1, other_key, signing_key},
};
