//! What the listeners have in common, whatever they speak: connections, with or without TLS, and the
//! access log.

mod access;
mod transport;

pub use access::{AccessRecord, method_name};
pub use transport::{Transport, accept, certified_name};
