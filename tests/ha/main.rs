//! What a database that fails over leaves of the promises: three nodes under Patroni with an etcd each, strict
//! synchronous replication, an HAProxy in front for each of three servers, all on hosts of their own, which are
//! network namespaces.
//!
//! 1. Nothing is lost that was acknowledged: a key that was created, one that was revoked.
//! 2. When DELETE has answered, no server accepts the key any more.
//! 3. A good key is never refused; 503 is no verdict.
//! 4. Verdicts and writes are back within a bound that follows from Patroni's settings (`bounds.rs`).
//!
//! `make soak-ha` runs it, and `make ci-full` a short form; it needs root. That the judge sees mistakes is tested
//! on every run, without a cluster.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it has measured"
)]

mod bounds;
mod client;
mod fault;
mod judge;
mod ledger;
mod outage;
mod planted;
mod report;
mod round;
mod soak;
mod work;
mod world;
