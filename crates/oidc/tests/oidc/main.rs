//! The verifier as its callers see it.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod claims;
mod conformance;
mod discovery;
mod settings;
mod support;
