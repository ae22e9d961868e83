//! The promise about revocation, proved from outside: two replicas of the real binary, a real
//! PostgreSQL, and what may go wrong between them.
//!
//! 1. A revoked key is accepted by no replica later than its own L after the revocation is committed.
//! 2. When DELETE has answered 200, no replica accepts the key any more, and no verdict may still be in
//!    use that somebody was told they may keep.
//!
//! Keys are revoked through replica A and verified on replica B at a fixed rate meanwhile. Each test
//! prints one line with its figures (`cargo test --test promise -- --nocapture`); `make soak` runs
//! all of them at full length.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it has measured"
)]

mod acknowledgement;
mod campaign;
mod costs;
mod expiry;
mod failover;
mod interfaces;
mod judge;
mod kept;
mod postgres;
mod random;
mod revoker;
mod rotation;
mod scenarios;
mod scene;
mod settings;

use capykeys_tests::driver;
