//! A throw-away PostgreSQL and other aids for the tests of capykeys.
//!
//! - [`Cluster`]: a PostgreSQL server of the test's own, which can be stopped, killed and paused.
//! - [`shared`]: one such server for all tests of a process.
//! - [`Bouncer`]: a `PgBouncer` in front of one.
//! - [`Balancer`]: an `HAProxy` in front of several.
//! - [`Patroni`]: several such servers, of which one takes the place of another.
//! - [`Network`]: hosts for them, which can be cut off from each other.
//! - [`Proxy`]: a TCP proxy that can cut, swallow or delay what passes through it.
//! - [`Authority`]: certificates for both sides of a TLS connection.
//! - [`AccessLog`]: what the process logs.
//! - [`TokenBuilder`], [`SigningKey`]: signed tokens, and the sets of keys that they are checked against.
//! - [`mutants`]: mistakes planted in a copy of a crate, to see that a test notices them.
//!
//! What cannot be had panics: a test that needs PostgreSQL fails without one and is not skipped.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::print_stdout,
    reason = "an aid of tests alone: a failure here is the test's failure"
)]

mod access_log;
mod authority;
pub mod balancer;
mod binaries;
mod bouncer;
mod clock;
mod cluster;
mod databases;
mod dumps;
pub mod mutants;
mod network;
pub mod patroni;
mod processes;
mod proxy;
mod signing_key;
mod standby;
mod token;
mod user;

use std::sync::OnceLock;

pub use access_log::AccessLog;
pub use authority::Authority;
pub use balancer::Balancer;
pub use bouncer::Bouncer;
pub use cluster::Cluster;
pub use network::{Host, Network};
pub use patroni::Patroni;
pub use proxy::{Proxy, Way};
pub use signing_key::{SigningKey, jwks};
pub use token::TokenBuilder;

/// The server that all tests of this process share, started when the first asks for it.
///
/// It is not durable (`fsync=off`), so it is for tests that neither kill nor pause it.
#[must_use]
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Cluster::start(false))
}
