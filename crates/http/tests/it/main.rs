//! The server over a real socket, on the reference model of the stores.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod authorize;
mod cluster;
mod document;
mod faults;
mod log;
mod pages;
mod raw;
mod reads;
mod support;
mod tls;
mod upgrade;
mod wire;
