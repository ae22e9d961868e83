//! Connections of the listeners for the cluster, with or without TLS: what HTTP and gRPC have in
//! common below themselves.

mod transport;

pub use transport::Transport;
