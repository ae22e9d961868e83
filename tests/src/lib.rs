//! The harness of the end-to-end tests: the real binary `capykeys`, over a real socket, on both
//! stores.
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
pub mod installation;
pub mod postgres;
pub mod process;
pub mod raw;
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
pub use store::Store;
pub use tenant::{Created, Tenant};

/// Turns functions `fn name(store: Store)` into tests: each runs as `sqlite::name` and as
/// `postgres::name`.
///
/// A function that is not listed is dead code, which the compiler reports.
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[test] fn $name() { super::$name($crate::Store::Sqlite); })*
        }
        mod postgres {
            $(#[test] fn $name() { super::$name($crate::Store::Postgres); })*
        }
    };
}
