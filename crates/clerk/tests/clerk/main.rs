//! The verifier as its callers see it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on has failed"
)]

mod attacks;
mod bounds;
mod claims;
mod conformance;
mod differential;
mod fuzz_corpus;
mod header;
mod http_fetcher;
mod instances;
mod key_cache;
mod key_outage;
mod live_flood;
mod live_outage;
mod support;
