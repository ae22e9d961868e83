//! The harness of the end-to-end tests: the real binary `capykeys`, over a real socket, on each kind of store
//! in `CAPYKEYS_TEST_STORES`.
//!
//! Tests know no kind by its name. What they need of one is a capability, which its file in `stores/` tells;
//! `build.rs` has the list. A test is ignored, with the reason, where a kind has not what it needs.
//!
//! - `on_every_store![a, b; tables: c, d]` turns functions `fn a(store: Store)` into tests of each kind,
//!   `on_sqlite::a` and so on; `c` and `d` need a capability.
//! - `on_one_store![postgresql: a, b]` turns functions `fn a()` into tests that run once, if any kind has the
//!   capability.
//! - A plain test that is the same on all of them takes [`Store::first`].
//!
//! A function that is not listed is dead code, which the compiler reports.
#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::panic,
    reason = "a test's harness fails the test by panicking"
)]

pub mod authority;
pub mod clerk;
pub mod client;
pub mod clock;
pub mod collector;
pub mod envoy;
pub mod gateway;
pub mod installation;
mod place;
pub mod postgres;
pub mod process;
pub mod raw;
pub mod scopes;
pub mod secrets;
pub mod server;
pub mod settings;
pub mod store;
pub mod tenant;
pub mod transcript;
pub mod verification;
pub mod wait;

pub use authority::Authority;
pub use client::{Answer, Call};
pub use installation::{Installation, Output};
pub use server::Server;
pub use store::{Store, Tables};
pub use tenant::{Created, Tenant};

include!(concat!(env!("OUT_DIR"), "/macros.rs"));
