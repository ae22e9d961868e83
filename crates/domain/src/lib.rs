//! The model, the policy, the ports and the use cases of capykeys.
//!
//! This crate is `no_std` with `alloc`, so the compiler itself forbids I/O here: no sockets, no
//! files, no ambient clock, no ambient randomness. Everything outside is reached through the traits
//! in [`ports`], which adapters implement and the `service` crate wires together.
//!
//! - [`model`]: the types of the wire contract, each parsed once at the edge.
//! - [`secret`]: minting, parsing and hashing of API keys.
//! - [`policy`]: who may do what, as pure functions that hand out a [`policy::Permit`].
//! - [`usecases`]: what the service does, on top of the ports.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod model;
pub mod policy;
pub mod ports;
pub mod secret;
pub mod usecases;
