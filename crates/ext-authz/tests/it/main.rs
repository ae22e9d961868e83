//! The server over a real socket, on the reference model of the stores.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorize;
mod faults;
mod log;
mod serving;
mod support;
mod tls;
