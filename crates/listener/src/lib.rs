//! What the listeners have in common, whatever they speak: connections, with or without TLS, and the
//! access log.

mod access;
mod measured;
mod trace;
mod transport;

pub use access::{AccessRecord, Asked, method_name};
pub use measured::MEASURED_METHODS;
pub use trace::TRACE_PARENT;
pub use transport::{Transport, accept, certified_name};
