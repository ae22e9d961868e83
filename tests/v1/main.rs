//! The API over a real socket, on each kind of store. The files lie as the URLs do.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod authorize;
mod base_path;
mod clients;
mod credentials;
mod ext_authz;
mod gateway_sessions;
mod me;
mod organizations;
mod pages;
mod protocol;
mod provider;
mod request_id;
mod sessions;
mod status;
mod terraform;
mod tour;
mod verify;
