//! The verifier as its callers see it.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attacks;
mod conformance;
mod keys;
mod settings;
mod support;
mod tokens;
